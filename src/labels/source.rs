//! Label lists: built in, or from a file of the user's.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Label, LabelError};

/// Separates several synonyms or parents within a column of a tab-separated label file.
const LIST_SEPARATOR: char = '|';

/// A label list that the program carries. Names, synonyms, definitions and parents are WordNet 3.0's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// The 1,000 classes of ILSVRC 2012.
    ImageNet1k,
    /// The 21,841 synsets of ImageNet (Fall 2011).
    ImageNet21k,
}

impl Builtin {
    /// Every list there is.
    pub const ALL: [Self; 2] = [Self::ImageNet1k, Self::ImageNet21k];

    /// Name behind `builtin:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImageNet1k => "imagenet-1k",
            Self::ImageNet21k => "imagenet-21k",
        }
    }

    fn compressed(self) -> &'static [u8] {
        match self {
            Self::ImageNet1k => include_bytes!("../../labels/imagenet-1k.tsv.zst"),
            Self::ImageNet21k => include_bytes!("../../labels/imagenet-21k.tsv.zst"),
        }
    }
}

/// Where labels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// A list that the program carries.
    Builtin(Builtin),
    /// A text file with a label a line, or a tab-separated file whose header names its columns.
    File(PathBuf),
}

impl FromStr for LabelSource {
    type Err = LabelError;

    /// `builtin:NAME`, or a file.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        let Some(name) = text.strip_prefix("builtin:") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        Builtin::ALL
            .into_iter()
            .find(|list| list.name() == name)
            .map(Self::Builtin)
            .ok_or_else(|| {
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
    /// The file cannot be read, is not UTF-8, has a malformed line, or holds no label.
    pub fn read(&self) -> Result<Vec<Label>, LabelError> {
        let bytes = match self {
            Self::Builtin(list) => zstd::decode_all(list.compressed()).map_err(|source| LabelError::Read {
                path: PathBuf::from(self.to_string()),
                source,
            })?,
            Self::File(path) => fs::read(path).map_err(|source| LabelError::Read {
                path: path.clone(),
                source,
            })?,
        };
        let mut labels = parse(&bytes, &self.to_string())?;
        let mut seen = HashSet::new();
        labels.retain(|label| seen.insert(label.key().to_owned()));
        if labels.is_empty() {
            Err(LabelError::Empty(self.to_string()))
        } else {
            Ok(labels)
        }
    }
}

/// Tab-separated where the first line has a tab, else a label a line. `file` is what messages call the source.
fn parse(bytes: &[u8], file: &str) -> Result<Vec<Label>, LabelError> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes
            .iter()
            .take(error.valid_up_to())
            .filter(|&&byte| byte == b'\n')
            .count() as u64;
        LabelError::Syntax {
            file: file.to_owned(),
            line,
            message: "not UTF-8; save the file as UTF-8".to_owned(),
        }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first_line = text.lines().next().unwrap_or_default();
    if first_line.contains('\t') {
        parse_tsv(text, file)
    } else {
        Ok(text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(Label::named)
            .collect())
    }
}

fn parse_tsv(text: &str, file: &str) -> Result<Vec<Label>, LabelError> {
    let syntax = |line, message: String| LabelError::Syntax {
        file: file.to_owned(),
        line,
        message,
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .quoting(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| syntax(1, error.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|title| title.trim().eq_ignore_ascii_case(name));
    let Some(name_column) = column("name") else {
        let message = "the header has no column 'name'; columns are id, name, synonyms, definition, parents".to_owned();
        return Err(syntax(1, message));
    };
    let (id, synonyms, definition, parents) = (
        column("id"),
        column("synonyms"),
        column("definition"),
        column("parents"),
    );

    let mut labels = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| syntax(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: Option<usize>| column.and_then(|index| record.get(index)).unwrap_or_default().trim();
        let list = |column| {
            field(column)
                .split(LIST_SEPARATOR)
                .map(str::trim)
                .filter(|part| !part.is_empty())
        };
        let name = field(Some(name_column));
        if name.is_empty() {
            return Err(syntax(line, "the column 'name' is empty".to_owned()));
        }
        labels.push(Label {
            id: field(id).to_owned(),
            name: name.to_owned(),
            synonyms: list(synonyms).map(str::to_owned).collect(),
            definition: field(definition).to_owned(),
            parents: list(parents).map(str::to_owned).collect(),
        });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_lists_are_whole() {
        for (list, count) in [(Builtin::ImageNet1k, 1_000), (Builtin::ImageNet21k, 21_841)] {
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
        let labels = parse("\u{feff}red fox\r\n\n  crane  \nred fox\n".as_bytes(), "list").unwrap();
        assert_eq!(labels, ["red fox", "crane", "red fox"].map(Label::named));
    }

    #[test]
    fn reads_columns_by_their_names() {
        let text = "name\tparents\tid\tsynonyms\npiano\tn1|n2\tn3\tpianoforte|forte-piano\nbare\n";
        let labels = parse(text.as_bytes(), "list").unwrap();
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0].key(), "n3");
        assert_eq!(labels[0].synonyms, ["pianoforte", "forte-piano"]);
        assert_eq!(labels[0].parents, ["n1", "n2"]);
        assert_eq!(labels[1], Label::named("bare"));
    }

    #[test]
    fn quotes_are_letters() {
        let text = "name\tdefinition\n\"rock\" crab\ta crab noted for `soaring'\n";
        let labels = parse(text.as_bytes(), "list").unwrap();
        assert_eq!(labels[0].name, "\"rock\" crab");
    }

    #[test]
    fn says_where_a_file_is_wrong() {
        let missing = parse(b"id\ttitle\nn1\tcat\n", "list").unwrap_err().to_string();
        assert!(missing.contains("line 1") && missing.contains("'name'"), "{missing}");
        let empty = parse(b"id\tname\nn1\tcat\nn2\t\n", "list").unwrap_err().to_string();
        assert!(empty.contains("line 3"), "{empty}");
        let latin = parse(b"cat\nd\xf6g\n", "list").unwrap_err().to_string();
        assert!(latin.contains("line 2") && latin.contains("UTF-8"), "{latin}");
    }

    #[test]
    fn knows_its_built_in_names() {
        assert_eq!(
            "builtin:imagenet-1k".parse::<LabelSource>().unwrap(),
            LabelSource::Builtin(Builtin::ImageNet1k)
        );
        let error = "builtin:coco".parse::<LabelSource>().unwrap_err().to_string();
        assert!(error.contains("builtin:imagenet-21k"), "{error}");
    }
}
