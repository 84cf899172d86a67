//! `segments`: a segment file of a space, and the sealed items that are deleted or replaced since.

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::{Record, decode_body, split_version};
use crate::error::{IndexError, Result};
use crate::types::ItemId;

/// Names a segment file that holds sealed vectors of a space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentRecord {
    /// File name within the library's `segments` directory.
    pub(crate) name: String,
    /// BLAKE3 checksum, which the file's header repeats.
    pub(crate) checksum: [u8; 32],
    /// Vectors in the file.
    pub(crate) items: u64,
    /// Whether the file holds a graph.
    pub(crate) graph: bool,
    /// The least id in the file.
    pub(crate) first: ItemId,
    /// The greatest id in the file.
    pub(crate) last: ItemId,
    /// What the graph finds with so many candidates, by ascending `ef`; measured when the file was made.
    pub(crate) recall: Vec<RecallPoint>,
}

/// The share of the ten true nearest that the graph finds, in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecallPoint {
    /// Candidates that the walk keeps.
    pub(crate) ef: u32,
    /// Of vectors of the segment as queries.
    pub(crate) own: u16,
    /// Of training queries, where there were some.
    pub(crate) training: Option<u16>,
}

impl SegmentRecord {
    /// Whether the file may hold an item.
    pub(crate) fn may_hold(&self, id: ItemId) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

impl Record for SegmentRecord {
    const WHAT: &'static str = "segment";
    const VERSION: u8 = 2;

    fn decode(bytes: &[u8]) -> Result<Self> {
        match split_version(Self::WHAT, bytes)? {
            (1, body) => decode_body::<FirstVersion>(Self::WHAT, body).map(Self::from),
            (Self::VERSION, body) => decode_body(Self::WHAT, body),
            (other, _) => Err(IndexError::corrupt(
                Self::WHAT,
                format_args!("record version {other}, known are 1 and {}", Self::VERSION),
            )),
        }
    }
}

/// The record of libraries of format 1.
#[derive(Deserialize)]
struct FirstVersion {
    name: String,
    checksum: [u8; 32],
    items: u64,
    graph: bool,
}

impl From<FirstVersion> for SegmentRecord {
    fn from(old: FirstVersion) -> Self {
        Self {
            name: old.name,
            checksum: old.checksum,
            items: old.items,
            graph: old.graph,
            first: 0,
            last: ItemId::MAX,
            recall: Vec::new(),
        }
    }
}

/// Record version of the tombstones.
const TOMBSTONES_VERSION: u8 = 1;

/// A version byte, then the portable serialisation of the bitmap.
pub(crate) fn encode_tombstones(ids: &RoaringTreemap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(ids.serialized_size() + 1);
    bytes.push(TOMBSTONES_VERSION);
    ids.serialize_into(&mut bytes)
        .map_err(|error| IndexError::corrupt("tombstones", error))?;
    Ok(bytes)
}

/// The reverse of [`encode_tombstones`].
pub(crate) fn decode_tombstones(bytes: &[u8]) -> Result<RoaringTreemap> {
    let Some((&TOMBSTONES_VERSION, mut rest)) = bytes.split_first() else {
        return Err(IndexError::corrupt("tombstones", "unknown record version"));
    };
    let ids = RoaringTreemap::deserialize_from(&mut rest).map_err(|error| IndexError::corrupt("tombstones", error))?;
    if !rest.is_empty() {
        return Err(IndexError::corrupt(
            "tombstones",
            format_args!("{} bytes too many", rest.len()),
        ));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> SegmentRecord {
        SegmentRecord {
            name: "s".into(),
            checksum: [3; 32],
            items: 5,
            graph: true,
            first: 2,
            last: 300,
            recall: vec![
                RecallPoint {
                    ef: 16,
                    own: 300,
                    training: None,
                },
                RecallPoint {
                    ef: 32,
                    own: 1,
                    training: Some(2),
                },
            ],
        }
    }

    #[test]
    fn stored_form() {
        let recall = [2, 16, 0xac, 2, 0, 32, 1, 1, 2];
        let golden = [&[2, 1, b's'][..], &[3; 32], &[5, 1, 2, 0xac, 2], &recall].concat();
        super::super::tests::check(&record(), &golden);
    }

    #[test]
    fn the_first_version_is_read() {
        let bytes = [&[1, 1, b's'][..], &[3; 32], &[5, 1]].concat();
        let expected = SegmentRecord {
            first: 0,
            last: u64::MAX,
            recall: Vec::new(),
            ..record()
        };
        assert_eq!(SegmentRecord::decode(&bytes).unwrap(), expected);
        for length in 0..bytes.len() {
            assert!(SegmentRecord::decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn stored_form_of_tombstones() {
        let ids: RoaringTreemap = [1, 5].into_iter().collect();
        let bytes = encode_tombstones(&ids).unwrap();
        let bitmap = [0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 1, 0, 5, 0];
        assert_eq!(bytes, [&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &bitmap].concat());
        assert_eq!(decode_tombstones(&bytes).unwrap(), ids);
        for length in 0..bytes.len() {
            assert!(decode_tombstones(&bytes[..length]).is_err());
        }
        assert!(decode_tombstones(&[&bytes[..], &[0]].concat()).is_err());
        assert!(decode_tombstones(&[&[2], &bytes[1..]].concat()).is_err());
    }
}
