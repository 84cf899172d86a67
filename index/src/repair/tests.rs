//! Records that disagree, made to agree again.

use std::path::Path;

use super::*;
use crate::reader::Index;
use crate::seal::SealOptions;
use crate::types::{RootId, Space};
use crate::verify::verify;

/// Five items of which each has a file, three of them sealed.
fn library(dir: &Path) -> (Writer, Space, RootId) {
    let mut writer = Writer::open(dir).unwrap();
    let space = writer.create_space("s", 2, [0; 32], b"").unwrap();
    let root = writer.add_root(b"/r").unwrap();
    for part in [0..3u8, 3..5] {
        let mut batch = writer.batch();
        for i in part.clone() {
            let item = batch.upsert(&space, &[i], &[0.6, 0.8], &[i]).unwrap();
            let record = FileRecord {
                space: space.id,
                item,
                size: 1,
                mtime_ns: 2,
                hash: [3; 32],
            };
            batch.put_file(root, &[i], &record).unwrap();
        }
        batch.commit().unwrap();
        if part.start == 0 {
            writer.seal(&space, &SealOptions::default()).unwrap();
        }
    }
    assert_eq!(verify(writer.index()).unwrap(), []);
    (writer, space, root)
}

/// Breaks a library, repairs it, and expects it to be sound with so many items and files.
fn check(damage: impl Fn(&Store, &Space, &mut Changes), items: u64, files: usize) {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, space, root) = library(dir.path());
    let mut changes = Changes::default();
    damage(writer.index().store(), &space, &mut changes);
    writer.index().write(&changes, [space.id]).unwrap();
    let problems = verify(writer.index()).unwrap();
    assert!(!problems.is_empty());
    assert!(
        problems.iter().any(|problem| problem.fault == Fault::Records),
        "{problems:?}"
    );
    let summary = writer.repair(&problems).unwrap();
    assert_eq!((summary.items_lost, summary.records), (5 - items, true));
    assert_eq!(summary.files_lost, 5 - files as u64);
    writer.seal_if_due(&space, &SealOptions::default()).unwrap();
    let sound = |index: &Index| {
        assert_eq!(verify(index).unwrap(), []);
        assert_eq!(index.count(space.id).unwrap(), items);
        assert_eq!(index.files(root).count(), files);
        assert_eq!(index.vectors(space.id).unwrap().ids.len() as u64, items);
    };
    sound(writer.index());
    drop(writer);
    sound(&Index::open(dir.path()).unwrap());
}

#[test]
fn counters_that_are_wrong_are_counted() {
    let counters = |items, unsealed| Counters {
        next_item: 1,
        items,
        unsealed,
        revision: 9,
    };
    for (items, unsealed) in [(4, 2), (5, 1), (9, 9)] {
        check(
            |_, space, changes| {
                changes
                    .put_record(Cf::Meta, keys::counters(space.id), &counters(items, unsealed))
                    .unwrap();
            },
            5,
            5,
        );
    }
    check(
        |_, space, changes| changes.put(Cf::Meta, keys::counters(space.id), vec![99]),
        5,
        5,
    );
}

#[test]
fn keys_and_names_of_items_follow_from_items_and_files() {
    check(
        |_, space, changes| changes.clear(Cf::Keys, &keys::space(space.id)),
        5,
        5,
    );
    check(
        |_, space, changes| changes.clear(Cf::ItemFiles, &keys::space(space.id)),
        5,
        5,
    );
    check(
        |_, space, changes| changes.clear(Cf::Unsealed, &keys::space(space.id)),
        5,
        5,
    );
    let stray = |_: &Store, _: &Space, changes: &mut Changes| {
        changes.put(Cf::Vectors, keys::item(SpaceId(77), 1), vec![1]);
        changes.put(Cf::Unsealed, keys::item(SpaceId(77), 1), vec![]);
    };
    check(stray, 5, 5);
}

#[test]
fn items_that_are_not_whole_are_forgotten_with_their_files() {
    check(
        |_, space, changes| changes.delete(Cf::Vectors, keys::item(space.id, 1)),
        4,
        4,
    );
    check(
        |_, space, changes| changes.delete(Cf::Items, keys::item(space.id, 4)),
        4,
        4,
    );
    check(
        |_, space, changes| changes.put(Cf::Vectors, keys::item(space.id, 2), vec![0; 4]),
        4,
        4,
    );
    check(
        |_, space, changes| changes.put(Cf::Items, keys::item(space.id, 2), vec![7]),
        4,
        4,
    );
    check(
        |_, _, changes| changes.put(Cf::Files, keys::file(RootId(0), &[0]), vec![7]),
        5,
        4,
    );
}
