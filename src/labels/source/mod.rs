//! Label lists: built in, or from a file of the user's.

mod builtin;
mod jsonl;
mod lines;
mod table;
mod wordnet;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Label, LabelError};
pub use builtin::Builtin;
pub(super) use lines::read_text;
pub use table::LIST_SEPARATOR;
use table::TableKind;
pub(super) use wordnet::WordNet;

/// Where labels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// A list that the program carries.
    Builtin(Builtin),
    /// A file with a label a line, a table whose header names its columns, or a JSON object a line.
    File(PathBuf),
}

impl FromStr for LabelSource {
    type Err = LabelError;

    /// `builtin:NAME`, or a file.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        let Some(name) = text.strip_prefix("builtin:") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        Builtin::named(name).map(Self::Builtin).ok_or_else(|| {
            let known = Builtin::ALL.map(|list| format!("builtin:{}", list.name())).join(", ");
            LabelError::UnknownBuiltin {
                name: name.to_owned(),
                known,
            }
        })
    }
}

impl fmt::Display for LabelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(list) => write!(f, "builtin:{}", list.name()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl LabelSource {
    /// Reads every label, in the source's order. Of labels with the same key the first counts.
    ///
    /// # Errors
    /// The file cannot be read, is not UTF-8, has a malformed line or one of more than 64 KiB, or holds no label.
    pub fn read(&self) -> Result<Vec<Label>, LabelError> {
        let mut labels = match self {
            Self::Builtin(list) => table::parse(&list.text()?, TableKind::Tsv, &self.to_string())?,
            Self::File(path) => parse(&read_text(path)?, Layout::by_name(path), &self.to_string())?,
        };
        let mut seen = HashSet::new();
        labels.retain(|label| seen.insert(label.key().to_owned()));
        if labels.is_empty() {
            Err(LabelError::Empty(self.to_string()))
        } else {
            Ok(labels)
        }
    }
}

/// How a label file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// A label a line.
    Text,
    /// With a header.
    Table(TableKind),
    /// A JSON object a line.
    JsonLines,
}

impl Layout {
    /// As the file's name says; none where it says nothing.
    fn by_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "tsv" => Some(Self::Table(TableKind::Tsv)),
            "csv" => Some(Self::Table(TableKind::Csv)),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// As the first line that is not blank says.
    fn by_content(text: &str) -> Self {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if first.trim_start().starts_with('{') {
            Self::JsonLines
        } else if first.contains('\t') {
            Self::Table(TableKind::Tsv)
        } else if table::is_header(first) {
            Self::Table(TableKind::Csv)
        } else {
            Self::Text
        }
    }
}

/// `file` is what messages call the source.
fn parse(text: &str, layout: Option<Layout>, file: &str) -> Result<Vec<Label>, LabelError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match layout.unwrap_or_else(|| Layout::by_content(text)) {
        Layout::Table(kind) => table::parse(text, kind, file),
        Layout::JsonLines => jsonl::parse(text, file),
        Layout::Text => Ok(text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(Label::named)
            .collect()),
    }
}

fn syntax(file: &str, line: u64, message: impl Into<String>) -> LabelError {
    LabelError::Syntax {
        file: file.to_owned(),
        line,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Label>, LabelError> {
        parse(text, None, "list")
    }

    #[test]
    fn built_in_lists_are_whole() {
        let counts = [1_000, 21_841, 82_115];
        for (list, count) in Builtin::ALL.into_iter().zip(counts) {
            let labels = LabelSource::Builtin(list).read().unwrap();
            assert_eq!(labels.len(), count, "{}", list.name());
            assert!(
                labels
                    .iter()
                    .all(|label| label.id.starts_with('n') && !label.name.is_empty())
            );
        }
    }

    #[test]
    fn reads_a_label_a_line() {
        let labels = read("\u{feff}red fox\r\n\n  crane  \nred fox, running\n").unwrap();
        assert_eq!(labels, ["red fox", "crane", "red fox, running"].map(Label::named));
    }

    #[test]
    fn the_name_decides_before_the_content() {
        assert_eq!(
            Layout::by_name(Path::new("a/b.TSV")),
            Some(Layout::Table(TableKind::Tsv))
        );
        assert_eq!(Layout::by_name(Path::new("b.csv")), Some(Layout::Table(TableKind::Csv)));
        assert_eq!(Layout::by_name(Path::new("b.ndjson")), Some(Layout::JsonLines));
        assert_eq!(Layout::by_name(Path::new("b.txt")), None);
        for (text, layout) in [
            ("\n{\"name\": \"cat\"}\n", Layout::JsonLines),
            ("id\tname\n", Layout::Table(TableKind::Tsv)),
            ("id,Name\n", Layout::Table(TableKind::Csv)),
            ("a name, and more\n", Layout::Text),
            ("name\ncat\n", Layout::Text),
        ] {
            assert_eq!(Layout::by_content(text), layout, "{text}");
        }
    }

    #[test]
    fn knows_its_built_in_names() {
        assert_eq!(
            "builtin:imagenet-1k".parse::<LabelSource>().unwrap(),
            LabelSource::Builtin(Builtin::ImageNet1k)
        );
        let error = "builtin:coco".parse::<LabelSource>().unwrap_err().to_string();
        assert!(error.contains("builtin:wordnet-nouns"), "{error}");
    }
}
