//! The photographs that have a tag.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use clipdex_index::{ItemId, RoaringTreemap};

use super::{StoredTags, TagError};
use crate::encoder::Identity;
use crate::labels::Bank;
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
/// kinds of it, have the least probability of a tag together. A label is named as by
/// [`Taxonomy::called`](crate::labels::Taxonomy::called), in any of its meanings, in every bank that photographs are tagged
/// out of.
///
/// # Errors
/// No photographs are tagged, a label is not there, or the library cannot be read.
pub fn photos_with(library: &Library, encoder: &Identity, filters: &[TagFilter]) -> Result<RoaringTreemap, TagError> {
    let all = StoredTags::all(library, encoder)?;
    if all.is_empty() {
        return Err(TagError::NoTags);
    }
    let wanted = filters.iter().map(|filter| Wanted::new(library, &all, filter));
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<Option<RoaringTreemap>> = vec![None; wanted.len()];
    for tags in &all {
        let asked = wanted.iter().zip(&mut found);
        let (words, found): (Vec<_>, Vec<_>) = asked
            .filter_map(|(wanted, found)| Some((wanted.of(tags)?, found)))
            .unzip();
        if words.is_empty() {
            continue;
        }
        for (labels, found) in tags.bank().kinds_of(library, &words)?.into_iter().zip(found) {
            if !labels.is_empty() {
                *found.get_or_insert_default() |= photos(library, tags, &labels.into_iter().collect())?;
            }
        }
    }
    let found = wanted.iter().zip(found);
    let found = found.map(|(wanted, photos)| photos.ok_or_else(|| wanted.unknown(&all)));
    let admitted = found.reduce(|admitted, photos| Ok(admitted? & photos?));
    admitted.unwrap_or_else(|| Ok(RoaringTreemap::new()))
}

/// A label that is asked for.
struct Wanted<'f> {
    label: &'f str,
    /// The bank that it is to be of, where only one is meant.
    bank: Option<&'f str>,
}

impl<'f> Wanted<'f> {
    fn new(library: &Library, all: &[StoredTags], TagFilter(label): &'f TagFilter) -> Result<Self, TagError> {
        // A label's name may have a slash as well.
        if let Some((bank, of_bank)) = label.split_once('/') {
            if all.iter().any(|tags| tags.bank().name() == bank) {
                return Ok(Self {
                    label: of_bank,
                    bank: Some(bank),
                });
            }
            if Bank::open(library, bank).is_ok() {
                return Err(TagError::NoTagsOf(bank.to_owned()));
            }
        }
        Ok(Self { label, bank: None })
    }

    /// What is to be looked for in these tags, if anything is.
    fn of(&self, tags: &StoredTags) -> Option<&'f str> {
        let concerns = self.bank.is_none_or(|bank| tags.bank().name() == bank);
        concerns.then_some(self.label)
    }

    fn unknown(&self, all: &[StoredTags]) -> TagError {
        let asked = all.iter().filter(|tags| self.of(tags).is_some());
        let names: Vec<_> = asked.map(|tags| format!("'{}'", tags.bank().name())).collect();
        let have = if names.len() == 1 { "has" } else { "have" };
        TagError::UnknownTag {
            label: self.label.to_owned(),
            banks: format!("{} {have}", names.join(" and ")),
        }
    }
}

/// The photographs of which these labels together have the least probability of a tag.
fn photos(library: &Library, tags: &StoredTags, labels: &HashSet<ItemId>) -> Result<RoaringTreemap, TagError> {
    let mut photos = RoaringTreemap::new();
    let (least, each) = (tags.min_prob() - ROUNDING, tags.logits().judges_each());
    for found in tags.likeliest(library) {
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
