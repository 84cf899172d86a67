//! WordNet's nouns one by one, for banks whose labels are kinds of what they do not have themselves.

use std::cmp::Ordering;

use super::table::{self, TableKind};
use super::{Builtin, LabelSource};
use crate::labels::{Label, LabelError};

/// The built-in list of nouns, decompressed at the first question. Its lines are in the order of their synsets, so that
/// only those are parsed that are asked for.
#[derive(Default)]
pub(in crate::labels) struct WordNet(Option<String>);

impl WordNet {
    /// The synset with this identifier.
    ///
    /// # Errors
    /// The built-in list is damaged.
    pub fn label(&mut self, id: &str) -> Result<Option<Label>, LabelError> {
        let is_synset = id.strip_prefix('n').is_some_and(|offset| offset.len() == 8);
        if !is_synset {
            return Ok(None);
        }
        let text = match self.0.take() {
            Some(text) => text,
            None => Builtin::WordNetNouns.text()?,
        };
        let text = self.0.insert(text);
        let Some((header, lines)) = text.split_once('\n') else {
            return Ok(None);
        };
        let Some(line) = line_of(lines, id) else {
            return Ok(None);
        };
        let source = LabelSource::Builtin(Builtin::WordNetNouns).to_string();
        Ok(table::parse(&format!("{header}\n{line}"), TableKind::Tsv, &source)?.pop())
    }
}

/// The line whose first column is `id`, of lines that are sorted by it.
fn line_of<'t>(lines: &'t str, id: &str) -> Option<&'t str> {
    let bytes = lines.as_bytes();
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low.midpoint(high);
        let before = bytes.get(low..middle)?.iter().rposition(|byte| *byte == b'\n');
        let start = before.map_or(low, |newline| low + newline + 1);
        let after = bytes.get(middle..high)?.iter().position(|byte| *byte == b'\n');
        let end = after.map_or(high, |newline| middle + newline);
        let line = lines.get(start..end)?;
        match line.split('\t').next().unwrap_or_default().cmp(id) {
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
            Ordering::Equal => return Some(line),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_line_and_no_other() {
        let lines = "a\tone\nbb\t\nc\tthree é\n\u{e9}\tfour\n";
        for line in lines.lines() {
            assert_eq!(line_of(lines, line.split('\t').next().unwrap()), Some(line));
            assert_eq!(line_of(lines.trim_end(), line.split('\t').next().unwrap()), Some(line));
        }
        for missing in ["", "A", "b", "cc", "\u{ea}"] {
            assert_eq!(line_of(lines, missing), None, "{missing}");
        }
        assert_eq!(line_of("", "a"), None);
    }

    #[test]
    fn synsets_are_those_of_the_list() {
        let all = LabelSource::Builtin(Builtin::WordNetNouns).read().unwrap();
        assert!(
            all.is_sorted_by(|a, b| a.id < b.id),
            "they are looked for by halving the list"
        );
        let mut wordnet = WordNet::default();
        for label in all.iter().step_by(997).chain(all.last()) {
            assert_eq!(wordnet.label(&label.id).unwrap().as_ref(), Some(label));
        }
        assert_eq!(wordnet.label("n99999999").unwrap(), None);
        assert_eq!(wordnet.label("dog").unwrap(), None);
    }
}
