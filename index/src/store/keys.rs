//! Keys of every column family. All numbers are big-endian, so that RocksDB's byte order is the numbers' order.

use crate::error::{IndexError, Result};
use crate::types::{ItemId, RootId, SpaceId};

/// `meta`: the format version.
pub(crate) const FORMAT: &[u8] = b"format";
/// `meta`: the next free space and root ids.
pub(crate) const NEXT_IDS: &[u8] = b"next_ids";

/// `meta`: counters of a space.
pub(crate) fn counters(space: SpaceId) -> Vec<u8> {
    [b"counters".as_slice(), &space.0.to_be_bytes()].concat()
}

/// `spaces`, and the prefix of a space's entries in `items`, `keys`, `vectors`, `item_files`, `segments`, `unsealed`.
pub(crate) fn space(space: SpaceId) -> [u8; 4] {
    space.0.to_be_bytes()
}

/// `roots`, and the prefix of a root's entries in `files` and `failures`.
pub(crate) fn root(root: RootId) -> [u8; 4] {
    root.0.to_be_bytes()
}

/// `items`, `vectors`, `unsealed`, and the prefix of an item's entries in `item_files`.
pub(crate) fn item(space: SpaceId, item: ItemId) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&space.0.to_be_bytes());
    key[4..].copy_from_slice(&item.to_be_bytes());
    key
}

/// `keys`: the caller's key of an item.
pub(crate) fn item_key(space: SpaceId, key: &[u8]) -> Vec<u8> {
    [&space.0.to_be_bytes(), key].concat()
}

/// `files`, `failures`: a path relative to a root.
pub(crate) fn file(root: RootId, rel: &[u8]) -> Vec<u8> {
    [&root.0.to_be_bytes(), rel].concat()
}

/// `item_files`: a file that names an item.
pub(crate) fn item_file(space: SpaceId, id: ItemId, root: RootId, rel: &[u8]) -> Vec<u8> {
    [item(space, id).as_slice(), &root.0.to_be_bytes(), rel].concat()
}

/// `segments`: the record of a segment file by its name. Without a name, the prefix of all of a space's records, and in
/// format 1 the key of the only one.
pub(crate) fn segment(space: SpaceId, name: &str) -> Vec<u8> {
    tagged(space, SEGMENT, name.as_bytes())
}

/// `segments`: the items of a segment file that are deleted or replaced since it was made.
pub(crate) fn tombstones(space: SpaceId, name: &str) -> Vec<u8> {
    tagged(space, TOMBSTONES, name.as_bytes())
}

const SEGMENT: u8 = b's';
const TOMBSTONES: u8 = b't';

fn tagged(space: SpaceId, tag: u8, name: &[u8]) -> Vec<u8> {
    [space.0.to_be_bytes().as_slice(), &[tag], name].concat()
}

/// The key of the tombstones that belong to the record under a key of `segments`; none for a key of tombstones.
pub(crate) fn tombstones_of(segment: &[u8]) -> Option<Vec<u8>> {
    let mut key = segment.to_vec();
    let tag = key.get_mut(4)?;
    if *tag != SEGMENT {
        return None;
    }
    *tag = TOMBSTONES;
    Some(key)
}

/// Splits a key of `files` or `failures`.
pub(crate) fn parse_file(key: &[u8]) -> Result<(RootId, &[u8])> {
    let (root, rel) = key.split_first_chunk::<4>().ok_or_else(|| short("file"))?;
    Ok((RootId(u32::from_be_bytes(*root)), rel))
}

/// Splits a key of `items`, `vectors` or `unsealed`.
pub(crate) fn parse_item(key: &[u8]) -> Result<(SpaceId, ItemId)> {
    let (space, rest) = key.split_first_chunk::<4>().ok_or_else(|| short("item"))?;
    let id: [u8; 8] = rest.try_into().map_err(|_| short("item"))?;
    Ok((SpaceId(u32::from_be_bytes(*space)), ItemId::from_be_bytes(id)))
}

/// Splits a key of `keys`.
pub(crate) fn parse_item_key(key: &[u8]) -> Result<(SpaceId, &[u8])> {
    let (space, rest) = key.split_first_chunk::<4>().ok_or_else(|| short("item key"))?;
    Ok((SpaceId(u32::from_be_bytes(*space)), rest))
}

/// Splits a key of `item_files`.
pub(crate) fn parse_item_file(key: &[u8]) -> Result<(SpaceId, ItemId, RootId, &[u8])> {
    let (item, rest) = key.split_first_chunk::<12>().ok_or_else(|| short("item file"))?;
    let (space, id) = parse_item(item)?;
    let (root, rel) = parse_file(rest)?;
    Ok((space, id, root, rel))
}

/// Reads a key of `spaces` or `roots`.
pub(crate) fn parse_u32(key: &[u8]) -> Result<u32> {
    Ok(u32::from_be_bytes(key.try_into().map_err(|_| short("space or root"))?))
}

/// The first key after all keys that start with `prefix`; none when the prefix is all 0xff.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

fn short(what: &str) -> IndexError {
    IndexError::corrupt("key", format_args!("a key of a {what} has the wrong length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers_and_parse_back() {
        assert!(item(SpaceId(1), 255) < item(SpaceId(1), 256));
        assert!(item(SpaceId(1), u64::MAX) < item(SpaceId(2), 0));
        assert_eq!(parse_item(&item(SpaceId(7), 9)).unwrap(), (SpaceId(7), 9));
        assert_eq!(
            parse_file(&file(RootId(3), b"a/b")).unwrap(),
            (RootId(3), b"a/b".as_slice())
        );
        assert_eq!(
            parse_item_key(&item_key(SpaceId(3), b"k")).unwrap(),
            (SpaceId(3), b"k".as_slice())
        );
        let key = item_file(SpaceId(1), 2, RootId(3), b"x");
        assert_eq!(
            parse_item_file(&key).unwrap(),
            (SpaceId(1), 2, RootId(3), b"x".as_slice())
        );
        let (segment, tombstones) = (segment(SpaceId(1), "a"), tombstones(SpaceId(1), "a"));
        assert_eq!(tombstones_of(&segment), Some(tombstones.clone()));
        assert_eq!(tombstones_of(&tombstones), None);
        assert!(parse_item(b"short").is_err());
        assert!(parse_item_file(b"short").is_err());
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 0xff]), Some(vec![2]));
        assert_eq!(after_prefix(&[0xff, 0xff]), None);
    }
}
