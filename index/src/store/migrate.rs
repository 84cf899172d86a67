//! From format 1 to 2: the keys of segment records and tombstones get the name of the segment file.

use super::codec::{Record, SegmentRecord};
use super::{Cf, Changes, Store, keys};
use crate::error::Result;

/// Length of a key of `segments` without a file name.
const UNNAMED: usize = 5;

/// Moves what has no file name in its key to where it has one.
pub(super) fn name_segments(store: &Store, changes: &mut Changes) -> Result<()> {
    let mut scan = store.scan(Cf::Segments, &[]);
    while let Some((key, value)) = scan.advance()? {
        let Some(unnamed) = keys::tombstones_of(key).filter(|_| key.len() == UNNAMED) else {
            continue;
        };
        let record = SegmentRecord::decode(value)?;
        let named = [key, record.name.as_bytes()].concat();
        if let (Some(tombstones), Some(named)) = (store.get(Cf::Segments, &unnamed)?, keys::tombstones_of(&named)) {
            changes.put(Cf::Segments, named, tombstones);
        }
        changes.put_record(Cf::Segments, named, &record)?;
        changes.delete(Cf::Segments, key);
        changes.delete(Cf::Segments, unnamed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use roaring::RoaringTreemap;

    use super::*;
    use crate::store::codec::{decode_tombstones, encode_format, encode_tombstones};
    use crate::store::tests::dump;
    use crate::types::SpaceId;

    #[test]
    fn the_keys_of_format_1_get_names_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_primary(dir.path()).unwrap();
        let mut changes = Changes::default();
        let first_version = [&[1, 1, b'a'][..], &[3; 32], &[5, 1]].concat();
        let dead: RoaringTreemap = [4].into_iter().collect();
        changes.put(Cf::Meta, keys::FORMAT, encode_format(1).to_vec());
        changes.put(Cf::Segments, keys::segment(SpaceId(0), ""), first_version.clone());
        changes.put(Cf::Segments, keys::segment(SpaceId(9), ""), first_version);
        changes.put(
            Cf::Segments,
            keys::tombstones(SpaceId(0), ""),
            encode_tombstones(&dead).unwrap(),
        );
        store.write(&changes).unwrap();
        drop(store);

        let store = Store::open_primary(dir.path()).unwrap();
        let migrated = dump(&store);
        let segments = migrated.keys().filter(|(cf, _)| *cf == "segments");
        assert_eq!(segments.count(), 3);
        for space in [SpaceId(0), SpaceId(9)] {
            let record: SegmentRecord = store.record(Cf::Segments, &keys::segment(space, "a")).unwrap().unwrap();
            assert_eq!((record.items, record.first, record.last), (5, 0, u64::MAX));
        }
        let moved = store
            .get(Cf::Segments, &keys::tombstones(SpaceId(0), "a"))
            .unwrap()
            .unwrap();
        assert_eq!(decode_tombstones(&moved).unwrap(), dead);
        drop(store);
        assert_eq!(dump(&Store::open_primary(dir.path()).unwrap()), migrated);
    }
}
