//! The photographs that have a tag.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use clipdex_index::{ItemId, RoaringTreemap};

use super::{StoredTags, TagError};
use crate::encoder::Identity;
use crate::labels::{Bank, LabelError, Taxonomy};
use crate::library::Library;

/// Sums of probabilities miss a whole by so much at most.
const ROUNDING: f32 = 1e-6;

/// What a photograph is to be tagged with: `tag:LABEL`, or `tag:BANK/LABEL` where the bank matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFilter(String);

impl FromStr for TagFilter {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        match text.strip_prefix("tag:").map(str::trim) {
            Some(label) if !label.is_empty() => Ok(Self(label.to_owned())),
            _ => Err(TagError::Syntax(text.to_owned())),
        }
    }
}

impl fmt::Display for TagFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tag:{}", self.0)
    }
}

/// The photographs that every one of `filters` admits: those of which the label that it names, and the labels that are
/// kinds of it, have the least probability of a tag together. A label is named as by [`Taxonomy::called`], in any of its
/// meanings, in every bank that photographs are tagged out of.
///
/// # Errors
/// No photographs are tagged, a label is not there, or the library cannot be read.
pub fn photos_with(library: &Library, encoder: &Identity, filters: &[TagFilter]) -> Result<RoaringTreemap, TagError> {
    let mut vocabularies = Vec::new();
    for tags in StoredTags::all(library, encoder)? {
        vocabularies.push(Vocabulary::new(library, tags)?);
    }
    if vocabularies.is_empty() {
        return Err(TagError::NoTags);
    }
    let mut admitted: Option<RoaringTreemap> = None;
    for TagFilter(label) in filters {
        let found = photos(library, &vocabularies, label)?;
        admitted = Some(match admitted {
            Some(admitted) => admitted & found,
            None => found,
        });
    }
    Ok(admitted.unwrap_or_default())
}

/// The tags out of a bank, and what its labels are kinds of.
struct Vocabulary {
    tags: StoredTags,
    /// Of the labels, by place.
    items: Vec<ItemId>,
    taxonomy: Taxonomy,
}

impl Vocabulary {
    fn new(library: &Library, tags: StoredTags) -> Result<Self, TagError> {
        let (items, labels): (Vec<_>, Vec<_>) = tags.bank().items(library)?.into_iter().unzip();
        Ok(Self {
            taxonomy: Taxonomy::new(&labels)?,
            tags,
            items,
        })
    }

    /// The items of the labels that `name` means, in any of its meanings.
    fn labels(&self, name: &str) -> Result<HashSet<ItemId>, LabelError> {
        let nodes = self.taxonomy.called(name)?;
        let places = nodes.into_iter().flat_map(|node| self.taxonomy.labels_below(node));
        let items = places.filter_map(|place| self.items.get(place as usize));
        Ok(items.copied().collect())
    }

    fn photos(&self, library: &Library, labels: &HashSet<ItemId>) -> Result<RoaringTreemap, TagError> {
        let mut photos = RoaringTreemap::new();
        let (least, each) = (self.tags.min_prob() - ROUNDING, self.tags.logits().judges_each());
        for found in self.tags.likeliest(library) {
            let (photo, found) = found?;
            let wanted = found.filter(|found| labels.contains(&found.label));
            let probabilities = wanted.map(|found| found.probability);
            let probability = if each {
                probabilities.fold(0.0, f32::max)
            } else {
                probabilities.sum()
            };
            if probability > 0.0 && probability >= least {
                photos.insert(photo);
            }
        }
        Ok(photos)
    }
}

fn photos(library: &Library, vocabularies: &[Vocabulary], name: &str) -> Result<RoaringTreemap, TagError> {
    // A label's name may have a slash as well.
    let of_bank = name.split_once('/').and_then(|(bank, label)| {
        let named = |vocabulary: &&Vocabulary| vocabulary.tags.bank().name() == bank;
        Some((vocabularies.iter().find(named)?, label))
    });
    if let Some((vocabulary, label)) = of_bank {
        return vocabulary.photos(library, &vocabulary.labels(label)?);
    }
    if let Some((bank, _)) = name.split_once('/')
        && Bank::open(library, bank).is_ok()
    {
        return Err(TagError::NoTagsOf(bank.to_owned()));
    }
    let mut photos = None;
    for vocabulary in vocabularies {
        match vocabulary.labels(name) {
            Ok(labels) => *photos.get_or_insert_default() |= vocabulary.photos(library, &labels)?,
            Err(LabelError::UnknownNode(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    photos.ok_or_else(|| {
        let names: Vec<_> = vocabularies
            .iter()
            .map(|one| format!("'{}'", one.tags.bank().name()))
            .collect();
        let have = if names.len() == 1 { "has" } else { "have" };
        TagError::UnknownTag {
            label: name.to_owned(),
            banks: format!("{} {have}", names.join(" and ")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_a_tag() {
        assert_eq!("tag:red fox".parse::<TagFilter>().unwrap().to_string(), "tag:red fox");
        for wrong in ["dog", "tag:", "tag: ", "date:2020"] {
            let error = wrong.parse::<TagFilter>().unwrap_err().to_string();
            assert!(error.contains("tag:LABEL"), "{error}");
        }
    }
}
