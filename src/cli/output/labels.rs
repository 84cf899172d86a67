//! Labels as the files that they are read from.

use std::io::Write;

use anyhow::{Result, bail};

use super::write_json_line;
use crate::labels::{LIST_SEPARATOR, Label};

/// A layout of label files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum LabelFormat {
    /// Columns with tabs between them.
    Tsv,
    /// Columns as RFC 4180 has them.
    Csv,
    /// A JSON object a line.
    JsonLines,
}

/// Writes labels so that reading them gives the same.
///
/// # Errors
/// A label holds what the format cannot hold, or `out` cannot be written.
pub(in crate::cli) fn write_labels(labels: &[Label], format: LabelFormat, out: &mut dyn Write) -> Result<()> {
    if format == LabelFormat::JsonLines {
        for label in labels {
            write_json_line(out, label)?;
        }
        return Ok(());
    }
    let mut builder = csv::WriterBuilder::new();
    if format == LabelFormat::Tsv {
        builder.delimiter(b'\t').quote_style(csv::QuoteStyle::Never);
    }
    let mut table = builder.from_writer(out);
    table.write_record(["id", "name", "synonyms", "definition", "parents", "prompts"])?;
    for label in labels {
        let row = row(label)?;
        if format == LabelFormat::Tsv
            && let Some(field) = row.iter().find(|field| field.contains(['\t', '\n', '\r']))
        {
            bail!(unwritable(label, field, "a tab or a line break"));
        }
        table.write_record(&row)?;
    }
    table.flush()?;
    Ok(())
}

fn row(label: &Label) -> Result<[String; 6]> {
    let list = |parts: &[String]| match parts.iter().find(|part| part.contains(LIST_SEPARATOR)) {
        Some(part) => bail!(unwritable(label, part, "'|', which separates the parts of a list")),
        None => Ok(parts.join(&LIST_SEPARATOR.to_string())),
    };
    Ok([
        label.id.clone(),
        label.name.clone(),
        list(&label.synonyms)?,
        label.definition.clone(),
        list(&label.parents)?,
        list(&label.prompts)?,
    ])
}

fn unwritable(label: &Label, text: &str, what: &str) -> String {
    let key = label.key();
    format!("label '{key}' cannot be written as a table: '{text}' holds {what}; use --format jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(label: &Label, format: LabelFormat) -> Result<String> {
        let mut out = Vec::new();
        write_labels(std::slice::from_ref(label), format, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn tables_hold_what_can_be_read_again() {
        let label = Label {
            id: "n1".into(),
            synonyms: vec!["\"rock\" crab".into(), "crab, rock".into()],
            ..Label::named("crab")
        };
        let header = "id\tname\tsynonyms\tdefinition\tparents\tprompts\n";
        let tsv = format!("{header}n1\tcrab\t\"rock\" crab|crab, rock\t\t\t\n");
        assert_eq!(written(&label, LabelFormat::Tsv).unwrap(), tsv);
        let csv = written(&label, LabelFormat::Csv).unwrap();
        assert!(csv.ends_with("n1,crab,\"\"\"rock\"\" crab|crab, rock\",,,\n"), "{csv}");
    }

    #[test]
    fn what_a_table_cannot_hold_is_refused() {
        let label = Label {
            prompts: vec!["a | b".into()],
            definition: "two\nlines".into(),
            ..Label::named("x")
        };
        for format in [LabelFormat::Tsv, LabelFormat::Csv] {
            let error = written(&label, format).unwrap_err().to_string();
            assert!(error.contains("jsonl"), "{error}");
        }
        assert!(written(&label, LabelFormat::JsonLines).unwrap().contains("a | b"));
    }
}
