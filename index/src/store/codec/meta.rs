//! `meta`: the format version, the next free ids, and counters of each space.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::error::{IndexError, Result};

/// The format of the whole library, raised when an older program could no longer read it. Format 1 had one segment a
/// space, under the shorter keys of `super::super::keys::segments` and `tombstones`; a writer moves them, and readers
/// take either.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// The oldest format that can be read.
pub(crate) const OLDEST_FORMAT: u32 = 1;

/// The format is a bare big-endian number in all formats to come, so that every program can read it.
pub(crate) fn encode_format(version: u32) -> [u8; 4] {
    version.to_be_bytes()
}

/// The reverse of [`encode_format`].
pub(crate) fn decode_format(bytes: &[u8]) -> Result<u32> {
    let bytes = bytes
        .try_into()
        .map_err(|_| IndexError::corrupt("format", "not four bytes"))?;
    Ok(u32::from_be_bytes(bytes))
}

/// The ids that the next space and root get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct NextIds {
    pub(crate) space: u32,
    pub(crate) root: u32,
}

impl Record for NextIds {
    const WHAT: &'static str = "next ids";
}

/// Counters of a space, written with every change of its items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// The id that the next item gets.
    pub(crate) next_item: u64,
    /// Live items.
    pub(crate) items: u64,
    /// Live items whose present vector is in no segment.
    pub(crate) unsealed: u64,
    /// Grows with every commit that changes vectors, and with every sealing.
    pub(crate) revision: u64,
}

impl Record for Counters {
    const WHAT: &'static str = "counters";
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn stored_form() {
        check(&NextIds { space: 1, root: 300 }, &[1, 1, 0xac, 2]);
        check(
            &Counters {
                next_item: 9,
                items: 3,
                unsealed: 2,
                revision: 4,
            },
            &[1, 9, 3, 2, 4],
        );
    }

    #[test]
    fn stored_form_of_the_format() {
        assert_eq!(encode_format(0x0102), [0, 0, 1, 2]);
        assert_eq!(decode_format(&[0, 0, 1, 2]).unwrap(), 0x0102);
        assert!(decode_format(&[1]).is_err());
    }
}
