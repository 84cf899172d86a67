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
    use crate::reader::Index;
    use crate::seal::SealOptions;
    use crate::store::codec::{decode_tombstones, encode_format, encode_tombstones};
    use crate::store::tests::dump;
    use crate::types::SpaceId;
    use crate::verify::verify;
    use crate::writer::Writer;

    #[test]
    fn a_library_of_format_1_is_read_and_migrated() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let space = writer.create_space("s", 2, [0; 32], b"").unwrap();
        let mut batch = writer.batch();
        for key in 0..5u8 {
            batch.upsert(&space, &[key], &[0.6, 0.8], b"").unwrap();
        }
        batch.commit().unwrap();
        writer.seal(&space, &SealOptions::default()).unwrap();
        let mut batch = writer.batch();
        batch.delete(&space, 2).unwrap();
        batch.commit().unwrap();
        to_format_1(writer.index().store(), space.id);
        drop(writer);

        let check = |index: &Index| {
            assert_eq!(verify(index).unwrap(), []);
            let stats = index.stats().unwrap();
            assert_eq!((stats.spaces[0].segments[0].dead, stats.spaces[0].items), (1, 4));
            assert_eq!(index.vectors(space.id).unwrap().ids, [0, 1, 3, 4]);
        };
        check(&Index::open(dir.path()).unwrap());
        check(Writer::open(dir.path()).unwrap().index());
        check(&Index::open(dir.path()).unwrap());
    }

    /// Writes the records of segments as format 1 had them.
    fn to_format_1(store: &Store, space: SpaceId) {
        let mut changes = Changes::default();
        changes.put(Cf::Meta, keys::FORMAT, encode_format(1).to_vec());
        let mut scan = store.scan(Cf::Segments, &keys::segment(space, ""));
        while let Some((key, value)) = scan.advance().unwrap() {
            let SegmentRecord { name, checksum, .. } = SegmentRecord::decode(value).unwrap();
            let old = [&[1, name.len() as u8], name.as_bytes(), &checksum, &[5, 0]].concat();
            let tombstones = keys::tombstones_of(key).unwrap();
            let dead = store.get(Cf::Segments, &tombstones).unwrap().unwrap();
            changes.put(Cf::Segments, keys::segment(space, ""), old);
            changes.put(Cf::Segments, keys::tombstones(space, ""), dead);
            changes.delete(Cf::Segments, key);
            changes.delete(Cf::Segments, tombstones);
        }
        store.write(&changes).unwrap();
    }

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
