//! `items`: an item by its id; `keys`: an item's id by its key.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::types::ItemId;

/// What is stored of an item; its space and id are the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemRecord {
    pub(crate) key: Vec<u8>,
    pub(crate) payload: Vec<u8>,
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
