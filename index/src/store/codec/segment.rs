//! `segments`: the segment file of a space, and the sealed items that are deleted or replaced since.

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::Record;
use crate::error::{IndexError, Result};

/// Names the segment file that holds a space's sealed vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentRecord {
    /// File name within the library's `segments` directory.
    pub(crate) name: String,
    /// BLAKE3 checksum, which the file's header repeats.
    pub(crate) checksum: [u8; 32],
    /// Vectors in the file.
    pub(crate) items: u64,
    /// Whether the file holds a graph.
    pub(crate) graph: bool,
}

impl Record for SegmentRecord {
    const WHAT: &'static str = "segment";
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

    #[test]
    fn stored_form() {
        let record = SegmentRecord {
            name: "s".into(),
            checksum: [3; 32],
            items: 5,
            graph: true,
        };
        super::super::tests::check(&record, &[&[1, 1, b's'][..], &[3; 32], &[5, 1]].concat());
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
