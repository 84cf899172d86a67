//! A label bank for reading: a named space of labels' vectors in the library.

use clipdex_index::{Index, Item, ItemId, Space};

use super::prompts::Prompts;
use super::records::{BankRecord, LabelNames, LabelRecord};
use super::taxonomy::kinds_of;
use super::{Label, LabelError, Recipe, ZeroShot};
use crate::encoder::Identity;
use crate::library::{Library, LibraryError, Record};

/// Bank names are space names behind this prefix.
pub(super) const PREFIX: &str = "bank:";

const MAX_NAME_CHARS: usize = 100;

/// A bank that was opened for reading.
#[derive(Clone, Debug)]
pub struct Bank {
    space: Space,
    record: BankRecord,
}

impl Bank {
    /// Opens the bank called `name`.
    pub fn open(library: &Library, name: &str) -> Result<Self, LabelError> {
        match library.index().space(&space_name(name)?)? {
            Some(space) => Ok(Self::of(space)?),
            None => {
                let names: Vec<_> = Self::all(library)?.iter().map(|bank| bank.name().to_owned()).collect();
                let known = match names.as_slice() {
                    [] => format!("add one with `clipdex label add {name} FILE`"),
                    names => format!("it has {}", names.join(", ")),
                };
                Err(LabelError::UnknownBank {
                    name: name.to_owned(),
                    known,
                })
            }
        }
    }

    /// Every bank of the library, by name.
    pub fn all(library: &Library) -> Result<Vec<Self>, LabelError> {
        let mut banks = Vec::new();
        for space in library.index().spaces()? {
            if space.name.starts_with(PREFIX) {
                banks.push(Self::of(space)?);
            }
        }
        banks.sort_by(|a, b| a.space.name.cmp(&b.space.name));
        Ok(banks)
    }

    fn of(space: Space) -> Result<Self, LibraryError> {
        let record = BankRecord::decode(&space.attributes)?;
        Ok(Self { space, record })
    }

    /// Name of the bank.
    pub fn name(&self) -> &str {
        self.space.name.strip_prefix(PREFIX).unwrap_or(&self.space.name)
    }

    /// The space that holds the bank's vectors.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Where its labels came from last.
    pub fn source(&self) -> &str {
        &self.record.source
    }

    /// How its labels become prompts.
    pub fn recipe(&self) -> &Recipe {
        &self.record.recipe
    }

    /// What logits of this bank are divided by before they become probabilities, as it was fitted to labelled
    /// photographs; none where it was not.
    pub fn temperature(&self) -> Option<f32> {
        self.record.temperature
    }

    pub(super) fn record(&self) -> &BankRecord {
        &self.record
    }

    /// Number of labels.
    pub fn len(&self, library: &Library) -> Result<u64, LabelError> {
        Ok(library.index().count(self.space.id)?)
    }

    /// The labels, in the order in which they were added.
    pub fn labels(&self, library: &Library) -> Result<Vec<Label>, LabelError> {
        let stored = stored_labels(library.index(), &self.space)?.into_iter();
        Ok(stored.map(|(_, record)| record.label).collect())
    }

    /// The labels with their items, in the order in which they were added.
    pub fn items(&self, library: &Library) -> Result<Vec<(ItemId, Label)>, LabelError> {
        let stored = stored_labels(library.index(), &self.space)?.into_iter();
        Ok(stored.map(|(item, record)| (item, record.label)).collect())
    }

    /// One label.
    pub fn label(&self, library: &Library, item: ItemId) -> Result<Option<Label>, LabelError> {
        let Some(item) = library.index().item(self.space.id, item)? else {
            return Ok(None);
        };
        Ok(Some(LabelRecord::decode(&item.payload)?.label))
    }

    /// The one label that `word` means: by its identifier, else by its name, else by its name in other case.
    ///
    /// # Errors
    /// [`LabelError::UnknownLabel`]; [`LabelError::AmbiguousLabel`] where it is the name of several.
    pub fn find(&self, library: &Library, word: &str) -> Result<(ItemId, Label), LabelError> {
        if let Some(called) = self.called(library, word)? {
            return Ok(called);
        }
        let lower = word.to_lowercase();
        let alike = self.only(library, word, |label| label.name.to_lowercase() == lower)?;
        alike.ok_or_else(|| LabelError::UnknownLabel {
            bank: self.name().to_owned(),
            label: word.to_owned(),
        })
    }

    /// The one label that has `word` as its identifier or else exactly as its name, if there is one: a cat that is called
    /// Miso is no soup.
    ///
    /// # Errors
    /// [`LabelError::AmbiguousLabel`].
    pub(super) fn called(&self, library: &Library, word: &str) -> Result<Option<(ItemId, Label)>, LabelError> {
        if let Some(id) = library.index().id_of_key(self.space.id, word.as_bytes())?
            && let Some(label) = self.label(library, id)?
        {
            return Ok(Some((id, label)));
        }
        self.only(library, word, |label| label.name == word)
    }

    /// The one label that is meant by `word`, if there is one.
    fn only(
        &self,
        library: &Library,
        word: &str,
        is_meant: impl Fn(&Label) -> bool,
    ) -> Result<Option<(ItemId, Label)>, LabelError> {
        let mut meant = self.items(library)?;
        meant.retain(|(_, label)| is_meant(label));
        match meant.as_slice() {
            [] | [_] => Ok(meant.pop()),
            several => Err(LabelError::AmbiguousLabel {
                bank: self.name().to_owned(),
                name: word.to_owned(),
                labels: several
                    .iter()
                    .map(|(_, label)| described(label))
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// For each of `words` the items of the labels that are called so, in any meaning, or are kinds of what is; none where
    /// nothing is called so. What counts is what counts for [`Taxonomy::called`](super::Taxonomy::called).
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn kinds_of(&self, library: &Library, words: &[&str]) -> Result<Vec<Vec<ItemId>>, LabelError> {
        let (mut items, mut records) = (Vec::new(), Vec::new());
        for item in library.index().items(self.space.id) {
            let Item { id, payload, .. } = item?;
            items.push(id);
            records.push(match payload.first() {
                Some(&LabelRecord::VERSION) => payload,
                _ => LabelRecord::decode(&payload)?.encode()?,
            });
        }
        let labels = records.iter().map(|record| LabelNames::of(record));
        let labels = labels.collect::<Result<Vec<_>, _>>()?;
        let item = |place: u32| items.get(place as usize).copied();
        let found = kinds_of(&labels, words)?.into_iter();
        Ok(found
            .map(|places| places.into_iter().filter_map(item).collect())
            .collect())
    }

    /// The texts whose vectors' mean stands for each of these labels of the bank, in their order.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn prompts(&self, library: &Library, labels: &[Label]) -> Result<Vec<Vec<String>>, LabelError> {
        let all = self.labels(library)?;
        let prompts = Prompts::new(self.recipe(), &all.iter().collect::<Vec<_>>())?;
        Ok(labels.iter().map(|label| prompts.of(label)).collect())
    }

    /// Loads the bank's vectors for recognition by the encoder that made them, with what examples taught it.
    pub fn zero_shot(&self, library: &Library, encoder: &Identity) -> Result<ZeroShot, LabelError> {
        let rows = library.index().rows(self.space.id)?;
        let taught = self.taught(library, &rows)?;
        Ok(ZeroShot::new(rows, encoder).with_taught(taught))
    }
}

/// A label's identifier and what it means, to choose it by.
fn described(label: &Label) -> String {
    match label.definition.as_str() {
        "" => label.key().to_owned(),
        definition => format!("{} ({definition})", label.key()),
    }
}

pub(super) fn space_name(bank: &str) -> Result<String, LabelError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if bank.is_empty() || bank.len() > MAX_NAME_CHARS || !bank.chars().all(is_plain) {
        return Err(LabelError::BadName(bank.to_owned()));
    }
    Ok(format!("{PREFIX}{bank}"))
}

/// The labels of a bank's space, in the order in which they were added.
pub(super) fn stored_labels(index: &Index, space: &Space) -> Result<Vec<(ItemId, LabelRecord)>, LabelError> {
    let mut labels = Vec::new();
    for item in index.items(space.id) {
        let item = item?;
        labels.push((item.id, LabelRecord::decode(&item.payload)?));
    }
    Ok(labels)
}
