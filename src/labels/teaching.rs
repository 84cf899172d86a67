//! Labels that are taught by example pictures.

use std::path::{Path, PathBuf};

use clipdex_index::Space;
use serde::Serialize;

use super::examples::{
    Backdrop, ExampleRecord, ExamplesRecord, StoredExample, example_key, hash_of_file, space_name, stored_examples,
};
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
    /// label are made where they are missing. `method` is how the bank's examples teach from now on, where it is given.
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
        let key = label.key();
        if new_label && !self.add_label(bank, &label, progress)? {
            return Ok(TeachOutcome {
                label: key.to_owned(),
                new_label,
                added: 0,
                examples: 0,
                interrupted: true,
            });
        }
        let space = self.open_examples(bank, method)?;
        let mut batch = self.writer.index_mut().batch();
        let mut added = 0;
        for Example { path, hash, vector } in examples {
            let record = ExampleRecord {
                label: key.to_owned(),
                path: path_to_bytes(path)?,
            };
            let example = example_key(key, hash);
            added += usize::from(batch.id_of_key(space.id, &example)?.is_none());
            batch.upsert(&space, &example, vector, &record.encode()?)?;
        }
        batch.commit()?;
        let backdrop = Backdrop::plan(self.writer.library(), self.writer.model(), &space)?;
        backdrop.commit(self.writer, &space)?;
        let stored = stored_examples(self.writer.library().index(), &space)?;
        Ok(TeachOutcome {
            label: key.to_owned(),
            new_label,
            added,
            examples: stored.iter().filter(|example| example.record.label == key).count(),
            interrupted: false,
        })
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

    /// Deletes the examples of these labels, given by their keys.
    pub(super) fn delete_examples(&mut self, bank: &str, labels: &[&str]) -> Result<(), LabelError> {
        let index = self.writer.library().index().clone();
        let Some(space) = index.space(&space_name(bank))? else {
            return Ok(());
        };
        let stored = stored_examples(&index, &space)?;
        let mut batch = self.writer.index_mut().batch();
        for example in stored
            .iter()
            .filter(|example| labels.contains(&example.record.label.as_str()))
        {
            batch.delete(&space, example.item)?;
        }
        batch.commit()?;
        Ok(())
    }

    /// Hands the examples of one label to another, given by their keys.
    pub(super) fn move_examples(&mut self, bank: &str, from: &str, to: &str) -> Result<(), LabelError> {
        let index = self.writer.library().index().clone();
        let Some(space) = index.space(&space_name(bank))? else {
            return Ok(());
        };
        let stored = stored_examples(&index, &space)?;
        let mut batch = self.writer.index_mut().batch();
        for StoredExample { item, hash, record } in stored.iter().filter(|example| example.record.label == from) {
            if let Some(vector) = index.vector(space.id, *item)? {
                let moved = ExampleRecord {
                    label: to.to_owned(),
                    path: record.path.clone(),
                };
                batch.upsert(&space, &example_key(to, hash), &vector, &moved.encode()?)?;
            }
            batch.delete(&space, *item)?;
        }
        batch.commit()?;
        Ok(())
    }

    /// Drops what a bank was taught by.
    pub(super) fn drop_examples(&mut self, bank: &str) -> Result<(), LabelError> {
        if let Some(space) = self.writer.library().index().space(&space_name(bank))? {
            self.writer.index_mut().drop_space(space.id)?;
        }
        Ok(())
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

    /// Adds one label to a bank, which is made where it is missing; false where it was cut short.
    fn add_label(&mut self, bank: &str, label: &Label, progress: &dyn WorkProgress) -> Result<bool, LabelError> {
        let mut record = self.record(bank)?;
        if record.source.is_empty() {
            TAUGHT.clone_into(&mut record.source);
        }
        let outcome = self.update(bank, &record, vec![label.clone()], progress)?;
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
