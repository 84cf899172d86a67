//! Changing one label of a bank.

use std::collections::BTreeSet;

use super::bank::stored_labels;
use super::writer::Alongside;
use super::{Bank, BankWriter, Label, LabelError, WorkProgress};

/// What is to change of a label; the rest stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelEdit {
    /// Another name.
    pub name: Option<String>,
    /// Another definition.
    pub definition: Option<String>,
    /// Other synonyms, in place of all that there are.
    pub synonyms: Option<Vec<String>>,
    /// Other parents, in place of all that there are.
    pub parents: Option<Vec<String>>,
    /// Other sentences of its own, in place of all that there are.
    pub prompts: Option<Vec<String>>,
}

impl LabelEdit {
    /// The label with the change. Texts are trimmed, and empty ones left out.
    fn apply(&self, label: Label) -> Label {
        let text = |new: &Option<String>, old: String| new.as_ref().map_or(old, |text| text.trim().to_owned());
        let list = |new: &Option<Vec<String>>, old: Vec<String>| match new {
            None => old,
            Some(texts) => {
                let texts = texts.iter().map(|text| text.trim());
                texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
            }
        };
        Label {
            name: text(&self.name, label.name),
            definition: text(&self.definition, label.definition),
            synonyms: list(&self.synonyms, label.synonyms),
            parents: list(&self.parents, label.parents),
            prompts: list(&self.prompts, label.prompts),
            id: label.id,
        }
    }
}

impl BankWriter<'_> {
    /// Changes the label that is called `word`, by identifier or name, and returns it; none where the run was cut short.
    /// A label that is known by its name alone keeps its examples and its children under the new name, all in one commit.
    ///
    /// # Errors
    /// The bank has no such label or several, the new name is empty or another label's, or the library or the encoder
    /// fails.
    pub fn edit(
        &mut self,
        bank: &str,
        word: &str,
        edit: &LabelEdit,
        progress: &dyn WorkProgress,
    ) -> Result<Option<Label>, LabelError> {
        let library = self.writer.library().clone();
        let opened = Bank::open(&library, bank)?;
        let (item, old) = opened.find(&library, word)?;
        let new = edit.apply(old.clone());
        if new.name.is_empty() {
            return Err(LabelError::NoName(word.to_owned()));
        }
        if new.key() == old.key() {
            let outcome = self.update(bank, opened.record(), vec![new.clone()], None, progress)?;
            return Ok((!outcome.interrupted).then_some(new));
        }
        if opened.called(&library, new.key())?.is_some() {
            return Err(LabelError::LabelExists {
                bank: bank.to_owned(),
                label: new.name,
            });
        }
        let mut labels = vec![new.clone()];
        for (_, mut child) in stored_labels(library.index(), opened.space())? {
            let of_old = child.label.parents.iter_mut().filter(|parent| *parent == old.key());
            if of_old.map(|parent| new.key().clone_into(parent)).count() > 0 {
                labels.push(child.label);
            }
        }
        let alongside = Alongside {
            removed: BTreeSet::from([item]),
            examples: self.move_examples(bank, old.key(), new.key())?,
        };
        let outcome = self.update(bank, opened.record(), labels, Some(alongside), progress)?;
        Ok((!outcome.interrupted).then_some(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_leaves_what_it_does_not_name() {
        let label = Label {
            id: "n1".into(),
            synonyms: vec!["hoist".into()],
            parents: vec!["n0".into()],
            ..Label::named("crane")
        };
        let edit = LabelEdit {
            definition: Some(" lifts things ".into()),
            synonyms: Some(vec![String::new()]),
            ..LabelEdit::default()
        };
        let expected = Label {
            definition: "lifts things".into(),
            synonyms: Vec::new(),
            ..label.clone()
        };
        assert_eq!(edit.apply(label), expected);
    }
}
