//! Tables of labels: a header that names the columns, and a label a line.

use csv::StringRecord;

use super::lines::{MAX_LINE_BYTES, too_long};
use super::syntax;
use crate::labels::{Label, LabelError};

/// Separates several synonyms, parents or prompts within a column.
pub const LIST_SEPARATOR: char = '|';

/// The columns, as they are called in headers. Only `name` is needed.
const COLUMNS: [&str; 6] = ["id", "name", "synonyms", "definition", "parents", "prompts"];

/// What separates columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    /// Tabs. Quotes are letters.
    Tsv,
    /// Commas. Fields may be quoted as RFC 4180 has it.
    Csv,
}

/// Whether a line is a header of comma-separated columns.
pub(super) fn is_header(line: &str) -> bool {
    let mut titles = line.split(',').map(str::trim);
    let is_column = |title: &str| COLUMNS.iter().any(|column| title.eq_ignore_ascii_case(column));
    line.contains(',') && titles.clone().all(is_column) && titles.any(|title| title.eq_ignore_ascii_case("name"))
}

/// `file` is what messages call the source.
pub(super) fn parse(text: &str, kind: TableKind, file: &str) -> Result<Vec<Label>, LabelError> {
    let mut builder = csv::ReaderBuilder::new();
    match kind {
        TableKind::Tsv => builder.delimiter(b'\t').quoting(false),
        TableKind::Csv => builder.delimiter(b','),
    };
    let mut reader = builder.flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| syntax(file, 1, error.to_string()))?;
    let columns = Columns::of(header).ok_or_else(|| {
        let known = COLUMNS.join(", ");
        syntax(file, 1, format!("the header has no column 'name'; columns are {known}"))
    })?;
    let mut labels = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            syntax(file, line, error.to_string())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.as_slice().len() > MAX_LINE_BYTES {
            // A quote that is not closed.
            return Err(too_long(file, line));
        }
        let label = columns.label(&record);
        if label.name.is_empty() {
            return Err(syntax(
                file,
                line,
                "the column 'name' is empty; give the label a name, or delete the line",
            ));
        }
        labels.push(label);
    }
    Ok(labels)
}

/// Where each column stands.
struct Columns {
    id: Option<usize>,
    name: usize,
    synonyms: Option<usize>,
    definition: Option<usize>,
    parents: Option<usize>,
    prompts: Option<usize>,
}

impl Columns {
    /// None where the header has no name.
    fn of(header: &StringRecord) -> Option<Self> {
        let column = |name: &str| header.iter().position(|title| title.trim().eq_ignore_ascii_case(name));
        Some(Self {
            id: column("id"),
            name: column("name")?,
            synonyms: column("synonyms"),
            definition: column("definition"),
            parents: column("parents"),
            prompts: column("prompts"),
        })
    }

    fn label(&self, record: &StringRecord) -> Label {
        let field = |column: Option<usize>| column.and_then(|index| record.get(index)).unwrap_or_default().trim();
        let list = |column| {
            let parts = field(column).split(LIST_SEPARATOR).map(str::trim);
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Label {
            id: field(self.id).to_owned(),
            name: field(Some(self.name)).to_owned(),
            synonyms: list(self.synonyms),
            definition: field(self.definition).to_owned(),
            parents: list(self.parents),
            prompts: list(self.prompts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_columns_by_their_names() {
        let text =
            "name\tparents\tid\tsynonyms\tprompts\npiano\tn1|n2\tn3\tpianoforte|forte-piano\ta piano | it\nbare\n";
        let labels = parse(text, TableKind::Tsv, "list").unwrap();
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0].key(), "n3");
        assert_eq!(labels[0].synonyms, ["pianoforte", "forte-piano"]);
        assert_eq!(labels[0].parents, ["n1", "n2"]);
        assert_eq!(labels[0].prompts, ["a piano", "it"]);
        assert_eq!(labels[1], Label::named("bare"));
    }

    #[test]
    fn quotes_are_letters_between_tabs_and_quotes_between_commas() {
        let text = "name\tdefinition\n\"rock\" crab\ta crab noted for `soaring'\n";
        assert_eq!(parse(text, TableKind::Tsv, "list").unwrap()[0].name, "\"rock\" crab");
        let text = "name,definition\n\"crab, \"\"rock\"\"\",\"a crab\nof rocks\"\n";
        let labels = parse(text, TableKind::Csv, "list").unwrap();
        assert_eq!(
            (labels[0].name.as_str(), labels[0].definition.as_str()),
            ("crab, \"rock\"", "a crab\nof rocks")
        );
    }

    #[test]
    fn says_where_a_file_is_wrong() {
        let error = |text: &str| parse(text, TableKind::Tsv, "list").unwrap_err().to_string();
        let missing = error("id\ttitle\nn1\tcat\n");
        assert!(
            missing.contains("'list', line 1") && missing.contains("'name'"),
            "{missing}"
        );
        let empty = error("id\tname\nn1\tcat\nn2\t\n");
        assert!(empty.contains("line 3"), "{empty}");
        let open = format!("name\ncat\n\"{}", "dog\n".repeat(MAX_LINE_BYTES / 4 + 1));
        let open = parse(&open, TableKind::Csv, "list").unwrap_err().to_string();
        assert!(open.contains("line 3"), "a quote is not closed: {open}");
    }
}
