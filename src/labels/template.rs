use std::fmt;
use std::str::FromStr;

use super::LabelError;

/// A sentence with a place for a label's name, as CLIP's zero-shot evaluation uses them (Radford et al., 2021, 3.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTemplate(String);

const PLACE: &str = "{}";

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
        if text.contains(PLACE) {
            Ok(Self(text.to_owned()))
        } else {
            Err(LabelError::Template(text.to_owned()))
        }
    }
}

impl fmt::Display for PromptTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
}
