//! `items`: an item by its id; `keys`: an item's id by its key.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::types::ItemId;

/// What is stored of an item; its space and id are the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemRecord {
    #[serde(with = "whole")]
    pub(crate) key: Vec<u8>,
    #[serde(with = "whole")]
    pub(crate) payload: Vec<u8>,
}

/// Bytes as one value: stored as a sequence is, and not read one by one.
mod whole {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'b, D: Deserializer<'b>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec)
    }
}

impl Record for ItemRecord {
    const WHAT: &'static str = "item";
}

/// The id of the item with a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub(crate) id: ItemId,
}

impl Record for KeyRecord {
    const WHAT: &'static str = "item key";
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn stored_form() {
        check(
            &ItemRecord {
                key: b"k".to_vec(),
                payload: vec![7, 8],
            },
            &[1, 1, b'k', 2, 7, 8],
        );
        check(&KeyRecord { id: 300 }, &[1, 0xac, 2]);
    }
}
