//! Reading the tags of a bank.

use clipdex_index::{Item, ItemId, Space};

use super::TagError;
use super::records::{PhotoTagsRecord, TagsRecord};
use crate::encoder::Identity;
use crate::labels::{Bank, Logits, Prediction};
use crate::library::{Library, Record, TAGS};

/// The tags that photographs have out of one bank.
pub struct StoredTags {
    pub(super) bank: Bank,
    pub(super) space: Space,
    pub(super) record: TagsRecord,
    logits: Logits,
}

impl StoredTags {
    /// The tags of a bank, made by the library's model; none where photographs have not been tagged out of it.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn open(library: &Library, bank: Bank, encoder: &Identity) -> Result<Option<Self>, TagError> {
        let Some(space) = library.index().space(&format!("{TAGS}{}", bank.name()))? else {
            return Ok(None);
        };
        let record = TagsRecord::decode(&space.attributes)?;
        let logits = Logits::new(encoder, record.temperature);
        let known = record.bank == bank.space().id.0;
        Ok(known.then_some(Self {
            bank,
            space,
            record,
            logits,
        }))
    }

    /// Those of every bank that photographs have been tagged out of.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn all(library: &Library, encoder: &Identity) -> Result<Vec<Self>, TagError> {
        let mut all = Vec::new();
        for bank in Bank::all(library)? {
            all.extend(Self::open(library, bank, encoder)?);
        }
        Ok(all)
    }

    /// The bank.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// The least probability of a tag.
    pub fn min_prob(&self) -> f32 {
        self.record.min_prob
    }

    /// The tags of each photograph that is in the library and has any, likeliest first, in the order of photographs.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn photos<'a>(
        &'a self,
        library: &'a Library,
    ) -> Result<impl Iterator<Item = Result<(ItemId, Vec<Prediction>), TagError>> + 'a, TagError> {
        let images = library.images()?;
        let tags = self.likeliest(library).map(move |found| {
            let (photo, labels) = found?;
            let tags: Vec<_> = labels
                .take_while(|label| label.probability >= self.record.min_prob)
                .take(self.record.top as usize)
                .collect();
            let there = !tags.is_empty() && library.index().item(images.id, photo)?.is_some();
            Ok(there.then_some((photo, tags)))
        });
        Ok(tags.filter_map(Result::transpose))
    }

    /// Each photograph with the labels that are kept of it, likeliest first. It may be one that the library has no more.
    pub(super) fn likeliest(
        &self,
        library: &Library,
    ) -> impl Iterator<Item = Result<(ItemId, impl Iterator<Item = Prediction>), TagError>> {
        let logits = self.logits;
        let (generation, items) = (self.record.generation, library.index().items(self.space.id));
        items.filter_map(move |item| {
            let found = item.map_err(TagError::from).and_then(|item| photo_tags(&item));
            let (photo, record) = match found {
                Ok(found) => found?,
                Err(error) => return Some(Err(error)),
            };
            let prediction = move |(label, cosine)| Prediction {
                label,
                cosine,
                probability: logits.probability(cosine, record.log_sum),
            };
            (record.generation == generation).then(|| Ok((photo, record.best.into_iter().map(prediction))))
        })
    }

    /// How cosines became probabilities.
    pub(super) fn logits(&self) -> Logits {
        self.logits
    }
}

/// The photograph that an item of tags is about, and its tags; none where the key is none of a photograph.
pub(super) fn photo_tags(item: &Item) -> Result<Option<(ItemId, PhotoTagsRecord)>, TagError> {
    let Ok(photo) = item.key.as_slice().try_into() else {
        return Ok(None);
    };
    let record = PhotoTagsRecord::decode(&item.payload)?;
    Ok(Some((ItemId::from_be_bytes(photo), record)))
}
