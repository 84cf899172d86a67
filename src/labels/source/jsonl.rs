//! Labels as JSON objects, one a line.

use serde::Deserialize;

use super::syntax;
use crate::labels::{Label, LabelError};

/// One line. Other fields are passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    id: String,
    name: String,
    synonyms: Vec<String>,
    definition: String,
    parents: Vec<String>,
    prompts: Vec<String>,
}

/// `file` is what messages call the source.
pub(super) fn parse(text: &str, file: &str) -> Result<Vec<Label>, LabelError> {
    let mut labels = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let form = r#"a line is an object such as {"id": "n1", "name": "cat", "synonyms": ["kitty"]}"#;
            let error = error.to_string().replace("at line 1 column", "at column");
            syntax(file, number, format!("{error}; {form}"))
        })?;
        let label = line.label();
        if label.name.is_empty() {
            return Err(syntax(
                file,
                number,
                "the field 'name' is empty; give the label a name, or delete the line",
            ));
        }
        labels.push(label);
    }
    Ok(labels)
}

impl Line {
    fn label(self) -> Label {
        let trimmed = |text: String| text.trim().to_owned();
        let list = |texts: Vec<String>| {
            let texts = texts.into_iter().map(trimmed);
            texts.filter(|text| !text.is_empty()).collect()
        };
        Label {
            id: trimmed(self.id),
            name: trimmed(self.name),
            synonyms: list(self.synonyms),
            definition: trimmed(self.definition),
            parents: list(self.parents),
            prompts: list(self.prompts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_object_a_line() {
        let text = "{\"id\": \"n1\", \"name\": \"cat \", \"synonyms\": [\"kitty\", \"\"], \"prompts\": [\"a|b\"], \"x\": 1}\n\n{\"name\": \"dog\"}\n";
        let labels = parse(text, "list").unwrap();
        assert_eq!(labels.len(), 2);
        assert_eq!((labels[0].key(), labels[0].name.as_str()), ("n1", "cat"));
        assert_eq!(
            (labels[0].synonyms.as_slice(), labels[0].prompts.as_slice()),
            (&["kitty".to_owned()][..], &["a|b".to_owned()][..])
        );
        assert_eq!(labels[1], Label::named("dog"));
    }

    #[test]
    fn says_where_a_file_is_wrong() {
        let error = |text: &str| parse(text, "list").unwrap_err().to_string();
        let broken = error("{\"name\": \"cat\"}\n\n{\"name\": 3}\n");
        assert!(
            broken.contains("'list', line 3") && broken.contains("\"name\": \"cat\""),
            "{broken}"
        );
        let nameless = error("{\"id\": \"n1\"}\n");
        assert!(nameless.contains("line 1") && nameless.contains("'name'"), "{nameless}");
    }
}
