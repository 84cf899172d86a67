//! Labels that are taught by example pictures.

use std::path::{Path, PathBuf};

use clipdex_index::Space;
use serde::Serialize;

use super::examples::{
    ExampleRecord, ExamplesChange, ExamplesRecord, StoredExample, choose_backdrop, hash_of_file, space_name,
    stored_examples,
};
use super::writer::Alongside;
use super::{Bank, BankWriter, Example, Label, LabelError, Method, WorkProgress};
use crate::library::{Library, Record, path_to_bytes};

/// Where the labels of a bank came from that was made by teaching.
const TAUGHT: &str = "examples";

/// What teaching a label did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeachOutcome {
    /// The label's identifier, or its name where it has none.
    pub label: String,
    /// Whether the bank did not have it before.
    pub new_label: bool,
    /// Examples that it did not have before.
    pub added: usize,
    /// Examples that it has now.
    pub examples: usize,
    /// Whether the run was cut short before it came to the examples.
    pub interrupted: bool,
}

/// What forgetting examples did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForgetOutcome {
    /// Examples that were forgotten.
    pub forgotten: usize,
    /// Pictures that were no examples of the label.
    pub missing: Vec<PathBuf>,
}

impl BankWriter<'_> {
    /// Gives the label that is called `word`, by identifier or name, these examples beside those that it has. Bank and
    /// label are made where they are missing; label and examples come in one commit. `method` is how the bank's examples teach from now on, where it is given.
    ///
    /// # Errors
    /// `word` is the name of several labels, or the library or the encoder fails.
    pub fn teach(
        &mut self,
        bank: &str,
        word: &str,
        examples: &[Example],
        method: Option<Method>,
        progress: &dyn WorkProgress,
    ) -> Result<TeachOutcome, LabelError> {
        let (label, new_label) = self.label_to_teach(bank, word)?;
        let key = label.key().to_owned();
        let space = self.open_examples(bank, method)?;
        let before = self.examples_of(&space, &key)?;
        let mut change = ExamplesChange::of(space.clone());
        for Example { path, hash, vector } in examples {
            let record = ExampleRecord {
                label: key.clone(),
                path: path_to_bytes(path)?,
            };
            change.put(hash, vector.clone(), record);
        }
        choose_backdrop(self.writer.library(), self.writer.model(), &mut change)?;
        let interrupted = if new_label {
            !self.add_label(bank, label, change, progress)?
        } else {
            let mut batch = self.writer.index_mut().batch();
            change.write(&mut batch)?;
            batch.commit()?;
            false
        };
        let examples = self.examples_of(&space, &key)?;
        Ok(TeachOutcome {
            label: key,
            new_label,
            added: examples.saturating_sub(before),
            examples,
            interrupted,
        })
    }

    /// Number of examples that a label has, given by its key.
    fn examples_of(&self, space: &Space, label: &str) -> Result<usize, LabelError> {
        let stored = stored_examples(self.writer.library().index(), space)?;
        Ok(stored.iter().filter(|example| example.record.label == label).count())
    }

    /// Takes examples from a label: those that have the content of these files or had their paths, or all of them where
    /// `pictures` is none. The label itself stays.
    ///
    /// # Errors
    /// The bank has no such label, or the library fails.
    pub fn forget(
        &mut self,
        bank: &str,
        word: &str,
        pictures: Option<&[PathBuf]>,
    ) -> Result<ForgetOutcome, LabelError> {
        let library = self.writer.library().clone();
        let (_, label) = Bank::open(&library, bank)?.find(&library, word)?;
        let mut outcome = ForgetOutcome::default();
        let Some(space) = library.index().space(&space_name(bank))? else {
            outcome.missing = pictures.unwrap_or_default().to_vec();
            return Ok(outcome);
        };
        let mut stored = stored_examples(library.index(), &space)?;
        stored.retain(|example| example.record.label == label.key());
        let mut batch = self.writer.index_mut().batch();
        match pictures {
            None => {
                for example in &stored {
                    outcome.forgotten += usize::from(batch.delete(&space, example.item)?);
                }
            }
            Some(pictures) => {
                for picture in pictures {
                    match shown_by(&stored, picture)? {
                        Some(example) => outcome.forgotten += usize::from(batch.delete(&space, example.item)?),
                        None => outcome.missing.push(picture.clone()),
                    }
                }
            }
        }
        batch.commit()?;
        Ok(outcome)
    }

    /// Takes away the examples of these labels, given by their keys; none where the bank has no examples.
    pub(super) fn without_examples(&self, bank: &str, labels: &[&str]) -> Result<Option<ExamplesChange>, LabelError> {
        let index = self.writer.library().index();
        let Some(space) = index.space(&space_name(bank))? else {
            return Ok(None);
        };
        let mut change = ExamplesChange::of(space);
        for example in stored_examples(index, change.space())? {
            if labels.contains(&example.record.label.as_str()) {
                change.remove(example.item);
            }
        }
        Ok(Some(change))
    }

    /// Hands the examples of one label to another, given by their keys; none where the bank has no examples.
    pub(super) fn move_examples(&self, bank: &str, from: &str, to: &str) -> Result<Option<ExamplesChange>, LabelError> {
        let index = self.writer.library().index();
        let Some(space) = index.space(&space_name(bank))? else {
            return Ok(None);
        };
        let mut stored = stored_examples(index, &space)?;
        stored.retain(|example| example.record.label == from);
        let mut change = ExamplesChange::of(space);
        for StoredExample { item, hash, record } in stored {
            if let Some(vector) = index.vector(change.space().id, item)? {
                let label = to.to_owned();
                change.put(&hash, vector, ExampleRecord { label, ..record });
            }
            change.remove(item);
        }
        Ok(Some(change))
    }

    /// The label that is called so, or a new one of this name; and whether it is new.
    fn label_to_teach(&self, bank: &str, word: &str) -> Result<(Label, bool), LabelError> {
        let library = self.writer.library();
        let known = match Bank::open(library, bank) {
            Ok(bank) => bank.called(library, word)?,
            Err(LabelError::UnknownBank { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(match known {
            Some((_, label)) => (label, false),
            None => (Label::named(word), true),
        })
    }

    /// Adds one label with its examples to a bank, which is made where it is missing; false where it was cut short before.
    fn add_label(
        &mut self,
        bank: &str,
        label: Label,
        examples: ExamplesChange,
        progress: &dyn WorkProgress,
    ) -> Result<bool, LabelError> {
        let mut record = self.record(bank)?;
        if record.source.is_empty() {
            TAUGHT.clone_into(&mut record.source);
        }
        let alongside = Alongside {
            examples: Some(examples),
            ..Alongside::default()
        };
        let outcome = self.update(bank, &record, vec![label], Some(alongside), progress)?;
        Ok(!outcome.interrupted)
    }

    fn open_examples(&mut self, bank: &str, method: Option<Method>) -> Result<Space, LabelError> {
        let name = space_name(bank);
        let identity = self.writer.model().identity().clone();
        let index = self.writer.index_mut();
        let new = ExamplesRecord::default().encode()?;
        let mut space = index.create_space(&name, identity.dim, identity.fingerprint.0, &new)?;
        if let Some(method) = method {
            let attributes = ExamplesRecord { method }.encode()?;
            index.set_attributes(space.id, &attributes)?;
            space.attributes = attributes;
        }
        Ok(space)
    }
}

/// The example that has the content of a file, or had its path.
fn shown_by<'e>(stored: &'e [StoredExample], picture: &Path) -> Result<Option<&'e StoredExample>, LabelError> {
    if let Ok(hash) = hash_of_file(picture)
        && let Some(example) = stored.iter().find(|example| example.hash == hash)
    {
        return Ok(Some(example));
    }
    let absolute = std::path::absolute(picture).unwrap_or_else(|_| picture.to_path_buf());
    let path = path_to_bytes(&absolute)?;
    Ok(stored.iter().find(|example| example.record.path == path))
}

impl Bank {
    /// Where the pictures were that taught the bank, by the keys of their labels, in the order in which they were given.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn examples(&self, library: &Library) -> Result<Vec<(String, PathBuf)>, LabelError> {
        let index = library.index();
        let Some(space) = index.space(&space_name(self.name()))? else {
            return Ok(Vec::new());
        };
        let stored = stored_examples(index, &space)?.into_iter();
        let examples = stored.filter(|example| !example.is_backdrop());
        examples
            .map(|example| Ok((example.record.label.clone(), example.path()?)))
            .collect()
    }
}
