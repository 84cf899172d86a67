//! Sentences with a place for a label's name, as CLIP's zero-shot evaluation uses them (Radford et al., 2021, 3.1.4).

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LabelError;
use super::source::read_text;

const PLACE: &str = "{}";

/// A sentence with a place for a label's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PromptTemplate(String);

impl PromptTemplate {
    /// The prompt of one label.
    pub fn render(&self, name: &str) -> String {
        self.0.replace(PLACE, name)
    }
}

impl Default for PromptTemplate {
    fn default() -> Self {
        Self("a photo of a {}.".to_owned())
    }
}

impl FromStr for PromptTemplate {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for PromptTemplate {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        if text.contains(PLACE) {
            Ok(Self(text))
        } else {
            Err(LabelError::Template(text))
        }
    }
}

impl From<PromptTemplate> for String {
    fn from(template: PromptTemplate) -> Self {
        template.0
    }
}

impl fmt::Display for PromptTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The templates of a bank. Each label goes into all of them, and the mean of what comes out stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSet {
    name: String,
    templates: Vec<PromptTemplate>,
}

/// Templates that the program carries. The 7 and the 80 are OpenAI's (labels/templates/LICENSE-clip.txt): the 80 that CLIP
/// was evaluated with on ImageNet, and the 7 of them that a greedy search by accuracy on ImageNet kept.
const BUILTIN: [(&str, &str); 3] = [
    ("simple", "a photo of a {}."),
    ("photo-7", include_str!("../../labels/templates/photo-7.txt")),
    ("imagenet-80", include_str!("../../labels/templates/imagenet-80.txt")),
];

impl TemplateSet {
    /// The set that the command line calls `text`: `builtin:NAME`, `none` for the bare names, or a file with a template a
    /// line.
    ///
    /// # Errors
    /// There is no such built-in set, the file cannot be read, holds no template, or one without a place for the name.
    pub fn open(text: &str) -> Result<Self, LabelError> {
        if text == "none" {
            return Ok(Self::none());
        }
        let Some(name) = text.strip_prefix("builtin:") else {
            return Self::parse(text, &read_text(Path::new(text))?);
        };
        match BUILTIN.into_iter().find(|(known, _)| *known == name) {
            Some((_, lines)) => Self::parse(text, lines),
            None => Err(LabelError::UnknownTemplates {
                name: name.to_owned(),
                known: BUILTIN.map(|(known, _)| format!("builtin:{known}")).join(", "),
            }),
        }
    }

    /// What is in no template: each name is embedded as it stands.
    pub fn none() -> Self {
        Self::single(PromptTemplate(PLACE.to_owned()))
    }

    /// A set of one template.
    pub fn single(template: PromptTemplate) -> Self {
        Self {
            name: template.0.clone(),
            templates: vec![template],
        }
    }

    /// Its templates, at least one.
    pub fn templates(&self) -> &[PromptTemplate] {
        &self.templates
    }

    fn parse(name: &str, text: &str) -> Result<Self, LabelError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut templates = Vec::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() {
                continue;
            }
            let template = text.parse().map_err(|error: LabelError| LabelError::Syntax {
                file: name.to_owned(),
                line,
                message: error.to_string(),
            })?;
            templates.push(template);
        }
        if templates.is_empty() {
            return Err(LabelError::NoTemplates(name.to_owned()));
        }
        let name = name.to_owned();
        Ok(Self { name, templates })
    }
}

impl Default for TemplateSet {
    fn default() -> Self {
        Self::single(PromptTemplate::default())
    }
}

/// The one template, or the set's name.
impl fmt::Display for TemplateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.templates.as_slice() {
            [only] => only.fmt(f),
            _ => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_the_name_in_its_place() {
        assert_eq!(PromptTemplate::default().render("red fox"), "a photo of a red fox.");
        let twice: PromptTemplate = "{}, just {}".parse().unwrap();
        assert_eq!(twice.render("a {}"), "a {}, just a {}");
    }

    #[test]
    fn refuses_a_template_without_a_place() {
        assert!("a photo".parse::<PromptTemplate>().is_err());
    }

    #[test]
    fn carries_the_published_sets() {
        for (name, count) in [
            ("builtin:simple", 1),
            ("builtin:photo-7", 7),
            ("builtin:imagenet-80", 80),
        ] {
            let set = TemplateSet::open(name).unwrap();
            assert_eq!(set.templates().len(), count, "{name}");
            let different: std::collections::HashSet<_> = set.templates().iter().map(|t| t.render("x")).collect();
            assert_eq!(different.len(), count, "{name}");
        }
        let of_seven = TemplateSet::open("builtin:photo-7").unwrap();
        let of_eighty = TemplateSet::open("builtin:imagenet-80").unwrap();
        assert!(
            of_seven
                .templates()
                .iter()
                .all(|one| of_eighty.templates().contains(one))
        );
        assert_eq!(
            TemplateSet::open("builtin:simple").unwrap().to_string(),
            "a photo of a {}."
        );
        assert_eq!(
            TemplateSet::open("none").unwrap().templates()[0].render("a sentence"),
            "a sentence"
        );
        let unknown = TemplateSet::open("builtin:photo-8").unwrap_err().to_string();
        assert!(unknown.contains("builtin:photo-7"), "{unknown}");
    }

    #[test]
    fn says_which_line_of_a_file_is_wrong() {
        assert_eq!(
            TemplateSet::parse("mine", "\na {}\n\n the {} \n")
                .unwrap()
                .templates()
                .len(),
            2
        );
        let error = TemplateSet::parse("mine", "a {}\nthe\n").unwrap_err().to_string();
        assert!(error.contains("'mine', line 2") && error.contains("'the'"), "{error}");
        assert!(TemplateSet::parse("mine", "\n").is_err());
    }
}
