//! What is kept of the tags of a bank, and of each photograph.

use clipdex_index::ItemId;
use serde::{Deserialize, Serialize};

use crate::library::Record;

/// The tags of a bank as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TagsRecord {
    /// The bank's space: another bank of the same name has another.
    pub bank: u32,
    /// Raised where all photographs are to be compared anew. Records of another generation hold no more.
    pub generation: u64,
    /// The last label that photographs have been compared with, or are being.
    pub through: ItemId,
    /// Hash of what the comparisons were made of: the vectors of labels up to `through`, their examples, the temperature.
    pub made_of: [u8; 32],
    /// What the model's logits were divided by.
    pub temperature: f32,
    /// Labels that are kept of a photograph.
    pub kept: u32,
    /// Labels that a photograph is tagged with, at most.
    pub top: u32,
    /// The least probability of a tag.
    pub min_prob: f32,
}

impl Record for TagsRecord {
    const WHAT: &'static str = "set of tags";
    const VERSION: u8 = 1;
}

/// What one photograph has been recognised as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PhotoTagsRecord {
    /// Of the comparison.
    pub generation: u64,
    /// The last label that it was compared with.
    pub through: ItemId,
    /// The logarithm of the sum of all labels' powers, which makes probabilities of cosines, and to which those of new
    /// labels are added.
    pub log_sum: f64,
    /// The likeliest labels with their cosines, likeliest first.
    pub best: Vec<(ItemId, f32)>,
}

impl Record for PhotoTagsRecord {
    const WHAT: &'static str = "photograph's tags";
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_stays_and_round_trips() {
        let record = PhotoTagsRecord {
            generation: 1,
            through: 300,
            log_sum: 1.0,
            best: vec![(2, 0.5)],
        };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, b"\x01\x01\xac\x02\0\0\0\0\0\0\xf0\x3f\x01\x02\0\0\0\x3f");
        assert_eq!(PhotoTagsRecord::decode(&bytes).unwrap(), record);

        let tags = TagsRecord {
            bank: 1,
            generation: 2,
            through: 3,
            made_of: [7; 32],
            temperature: 1.0,
            kept: 4,
            top: 5,
            min_prob: 0.5,
        };
        let bytes = tags.encode().unwrap();
        let expected = [
            b"\x01\x01\x02\x03".as_slice(),
            &[7; 32],
            b"\0\0\x80\x3f\x04\x05\0\0\0\x3f",
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(TagsRecord::decode(&bytes).unwrap(), tags);
    }
}
