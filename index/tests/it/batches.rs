//! Batches: all or nothing, what they see, and which items outlive their files.

use clipdex_index::{FailureRecord, Index, IndexError, SealOptions, SearchParams};

use crate::support::{assert_sound, file, fill, library};

fn failure(reason: &str) -> FailureRecord {
    FailureRecord {
        reason: reason.to_owned(),
        size: 1,
        mtime_ns: 2,
        failed_at_unix: 3,
        transient: false,
    }
}

#[test]
fn a_dropped_batch_leaves_nothing() {
    let (dir, mut writer, space) = library(2);
    let root = writer.add_root(b"/r").unwrap();
    let mut batch = writer.batch();
    let id = batch.upsert(&space, b"a", &[1.0, 0.0], b"p").unwrap();
    batch.put_file(root, b"a", &file(space.id, id)).unwrap();
    batch.put_failure(root, b"b", &failure("no")).unwrap();
    drop(batch);
    let check = |index: &Index| {
        assert_eq!(index.count(space.id).unwrap(), 0);
        assert_eq!(index.items(space.id).count(), 0);
        assert_eq!(index.files(root).count(), 0);
        assert_eq!(index.failures().count(), 0);
        assert_sound(index);
    };
    check(writer.index());
    drop(writer);
    check(&Index::open(dir.path()).unwrap());
}

#[test]
fn a_batch_sees_its_own_writes() {
    let (_dir, mut writer, space) = library(2);
    let mut batch = writer.batch();
    let a = batch.upsert(&space, b"a", &[1.0, 0.0], b"1").unwrap();
    assert_eq!(batch.upsert(&space, b"a", &[0.0, 1.0], b"2").unwrap(), a);
    let b = batch.upsert(&space, b"b", &[0.0, 1.0], b"").unwrap();
    assert_eq!(batch.id_of_key(space.id, b"b").unwrap(), Some(b));
    assert!(batch.delete(&space, b).unwrap());
    assert!(!batch.delete(&space, b).unwrap());
    assert_eq!(batch.id_of_key(space.id, b"b").unwrap(), None);
    let again = batch.upsert(&space, b"b", &[0.6, 0.8], b"").unwrap();
    assert!(again > b, "ids are never used twice");
    batch.set_payload(&space, again, b"3").unwrap();
    assert!(matches!(
        batch.set_payload(&space, b, b""),
        Err(IndexError::NoSuchItem { .. })
    ));
    let summary = batch.commit().unwrap();
    assert_eq!((summary.items_written, summary.items_deleted), (4, 1));

    let index = writer.index();
    assert_eq!(index.count(space.id).unwrap(), 2);
    assert_eq!(index.item(space.id, a).unwrap().unwrap().payload, b"2");
    assert_eq!(index.item(space.id, again).unwrap().unwrap().payload, b"3");
    assert_eq!(index.vector(space.id, a).unwrap().unwrap(), [0.0, 1.0]);
    assert_eq!(index.vector(space.id, b).unwrap(), None);
    assert_eq!(index.id_of_key(space.id, b"b").unwrap(), Some(again));
    assert_sound(index);
}

#[test]
fn an_item_goes_with_the_last_file_that_names_it() {
    let (_dir, mut writer, space) = library(2);
    let root = writer.add_root(b"/r").unwrap();
    let ids = fill(&mut writer, &space, &[vec![1.0, 0.0], vec![0.0, 1.0]]);
    let mut batch = writer.batch();
    for (rel, id) in [(b"a1", ids[0]), (b"a2", ids[0]), (b"b1", ids[1])] {
        batch.put_file(root, rel, &file(space.id, id)).unwrap();
    }
    batch.commit().unwrap();

    let mut batch = writer.batch();
    assert!(batch.remove_file(root, b"a1").unwrap());
    assert!(!batch.remove_file(root, b"a1").unwrap());
    batch.commit().unwrap();
    assert!(writer.index().item(space.id, ids[0]).unwrap().is_some());

    // Renamed within one batch: the item stays.
    let mut batch = writer.batch();
    batch.remove_file(root, b"b1").unwrap();
    batch.put_file(root, b"b2", &file(space.id, ids[1])).unwrap();
    assert_eq!(batch.commit().unwrap().items_deleted, 0);

    // The last name is moved to another item.
    let mut batch = writer.batch();
    batch.put_file(root, b"a2", &file(space.id, ids[1])).unwrap();
    assert_eq!(batch.commit().unwrap().items_deleted, 1);
    let index = writer.index();
    assert_eq!(index.item(space.id, ids[0]).unwrap(), None);
    assert_eq!(
        index.files_of(space.id, ids[1]).unwrap(),
        [(root, b"a2".to_vec()), (root, b"b2".to_vec())]
    );
    assert_sound(index);

    // Deleting the item takes the files along.
    let mut batch = writer.batch();
    batch.delete(&space, ids[1]).unwrap();
    assert_eq!(batch.commit().unwrap().files_removed, 2);
    assert_eq!(writer.index().files(root).count(), 0);
    assert_sound(writer.index());
}

#[test]
fn files_name_only_what_is_there() {
    let (_dir, mut writer, space) = library(2);
    let root = writer.add_root(b"/r").unwrap();
    let other = clipdex_index::RootId(root.0 + 1);
    let mut batch = writer.batch();
    assert!(matches!(
        batch.put_file(root, b"a", &file(space.id, 5)),
        Err(IndexError::NoSuchItem { id: 5, .. })
    ));
    let elsewhere = file(clipdex_index::SpaceId(9), 5);
    assert!(matches!(
        batch.put_file(root, b"a", &elsewhere),
        Err(IndexError::NoSuchSpace { .. })
    ));
    let id = batch.upsert(&space, b"a", &[1.0, 0.0], b"").unwrap();
    assert!(matches!(
        batch.put_file(other, b"a", &file(space.id, id)),
        Err(IndexError::NoSuchRoot { .. })
    ));
    assert!(matches!(
        batch.put_failure(other, b"a", &failure("x")),
        Err(IndexError::NoSuchRoot { .. })
    ));
    batch.commit().unwrap();
    assert_sound(writer.index());
}

#[test]
fn failures_are_kept_until_the_file_is_read_or_they_are_cleared() {
    let (_dir, mut writer, space) = library(2);
    let root = writer.add_root(b"/r").unwrap();
    let mut batch = writer.batch();
    for rel in [b"a", b"b", b"c"] {
        batch.put_failure(root, rel, &failure("unreadable")).unwrap();
    }
    batch.commit().unwrap();
    assert_eq!(writer.index().failure(root, b"a").unwrap(), Some(failure("unreadable")));
    let mut batch = writer.batch();
    let id = batch.upsert(&space, b"a", &[1.0, 0.0], b"").unwrap();
    batch.put_file(root, b"a", &file(space.id, id)).unwrap();
    batch.clear_failure(root, b"b");
    batch.commit().unwrap();
    let left: Vec<_> = writer.index().failures().map(Result::unwrap).collect();
    assert_eq!(left, [(root, b"c".to_vec(), failure("unreadable"))]);
    assert_eq!(writer.index().file(root, b"a").unwrap(), Some(file(space.id, id)));
}

#[test]
fn sealed_items_that_change_are_found_as_they_are_now() {
    let (_dir, mut writer, space) = library(2);
    let ids = fill(&mut writer, &space, &[vec![1.0, 0.0], vec![0.8, 0.6], vec![0.0, 1.0]]);
    writer.seal(&space, &SealOptions::default()).unwrap();
    let mut batch = writer.batch();
    batch.upsert(&space, &0usize.to_be_bytes(), &[0.0, -1.0], b"").unwrap();
    batch.delete(&space, ids[1]).unwrap();
    batch.commit().unwrap();
    // Again, in a later batch: the earlier tombstones stay.
    let mut batch = writer.batch();
    batch.upsert(&space, &2usize.to_be_bytes(), &[-1.0, 0.0], b"").unwrap();
    batch.commit().unwrap();
    let index = writer.index();
    let search = |query: &[f32]| {
        let hits = index
            .search(
                space.id,
                query,
                &SearchParams {
                    k: 5,
                    ..SearchParams::default()
                },
            )
            .unwrap();
        hits.into_iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>()
    };
    assert_eq!(search(&[1.0, 0.0]), [(ids[0], 0.0), (ids[2], -1.0)]);
    assert_eq!(search(&[0.0, -1.0]), [(ids[0], 1.0), (ids[2], 0.0)]);
    assert_sound(index);
    let summary = writer.seal(&space, &SealOptions::default()).unwrap();
    assert_eq!((summary.items, summary.written), (2, true));
    assert!(
        !writer.seal(&space, &SealOptions::default()).unwrap().written,
        "nothing has changed"
    );
    assert_sound(writer.index());
}

#[test]
fn sealing_an_emptied_space_removes_its_segment() {
    let (dir, mut writer, space) = library(2);
    let ids = fill(&mut writer, &space, &[vec![1.0, 0.0]]);
    writer.seal(&space, &SealOptions::default()).unwrap();
    let mut batch = writer.batch();
    batch.delete(&space, ids[0]).unwrap();
    batch.commit().unwrap();
    writer.seal(&space, &SealOptions::default()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("segments")).unwrap().count(), 0);
    assert_eq!(writer.index().stats().unwrap().spaces[0].segments, []);
    assert_sound(writer.index());
}
