//! Spaces, roots, and the lock.

use clipdex_index::{Index, IndexError, Mode, SealOptions, SearchParams, Writer};

use crate::support::{FINGERPRINT, assert_sound, file, fill, library};

#[test]
fn a_space_is_created_once_and_refuses_another_encoder() {
    let (_dir, mut writer, space) = library(4);
    assert_eq!(
        writer.create_space("images", 4, FINGERPRINT, b"ignored").unwrap(),
        space
    );
    assert_eq!(space.attributes, b"attributes");
    let other = writer.create_space("images", 4, [8; 32], b"");
    assert!(matches!(other, Err(IndexError::FingerprintMismatch { given, .. }) if given == [8; 32]));
    let other = writer.create_space("images", 5, FINGERPRINT, b"");
    assert!(matches!(
        other,
        Err(IndexError::DimensionMismatch {
            stored: 4,
            given: 5,
            ..
        })
    ));
    for (name, dim) in [("", 4), ("empty", 0), ("huge", usize::MAX)] {
        assert!(matches!(
            writer.create_space(name, dim, FINGERPRINT, b""),
            Err(IndexError::InvalidSpace { .. })
        ));
    }
    assert_eq!(writer.index().spaces().unwrap(), [space]);
}

#[test]
fn vectors_of_another_encoder_are_refused_and_nothing_of_them_is_stored() {
    let (_dir, mut writer, space) = library(2);
    let mut batch = writer.batch();
    let other = clipdex_index::Space {
        fingerprint: [8; 32],
        ..space.clone()
    };
    let refused = batch.upsert(&other, b"a", &[1.0, 0.0], b"");
    assert!(matches!(refused, Err(IndexError::FingerprintMismatch { .. })));
    assert!(matches!(
        batch.upsert(&space, b"a", &[1.0], b""),
        Err(IndexError::DimensionMismatch { .. })
    ));
    assert!(matches!(
        batch.upsert(&space, b"a", &[1.0, f32::NAN], b""),
        Err(IndexError::InvalidVector { .. })
    ));
    batch.commit().unwrap();
    assert_eq!(writer.index().count(space.id).unwrap(), 0);
    assert_sound(writer.index());
}

#[test]
fn attributes_are_replaced_and_survive_reopening() {
    let (dir, mut writer, space) = library(2);
    writer.set_attributes(space.id, b"new").unwrap();
    drop(writer);
    let index = Index::open(dir.path()).unwrap();
    assert_eq!(index.space("images").unwrap().unwrap().attributes, b"new");
    assert_eq!(index.space("other").unwrap(), None);
}

#[test]
fn dropping_a_space_takes_its_items_files_and_segment() {
    let (dir, mut writer, space) = library(2);
    let keep = writer.create_space("labels", 2, FINGERPRINT, b"").unwrap();
    let ids = fill(&mut writer, &space, &[vec![1.0, 0.0], vec![0.0, 1.0]]);
    fill(&mut writer, &keep, &[vec![1.0, 0.0]]);
    let root = writer.add_root(b"/photos").unwrap();
    let mut batch = writer.batch();
    batch.put_file(root, b"a.jpg", &file(space.id, ids[0])).unwrap();
    batch.commit().unwrap();
    writer.seal(&space, &SealOptions::default()).unwrap();
    writer.drop_space(space.id).unwrap();

    let index = writer.index();
    assert_eq!(index.spaces().unwrap(), [keep]);
    assert_eq!(index.files(root).count(), 0);
    assert_eq!(std::fs::read_dir(dir.path().join("segments")).unwrap().count(), 0);
    let searched = index.search(
        space.id,
        &[1.0, 0.0],
        &SearchParams {
            k: 1,
            ..SearchParams::default()
        },
    );
    assert!(matches!(searched, Err(IndexError::NoSuchSpace { .. })));
    assert_sound(index);
    let again = writer.create_space("images", 2, FINGERPRINT, b"").unwrap();
    assert!(again.id > space.id, "ids are never used twice");
    assert!(matches!(
        writer.drop_space(space.id),
        Err(IndexError::NoSuchSpace { .. })
    ));
}

#[test]
fn several_spaces_go_together_or_not_at_all() {
    let (_dir, mut writer, space) = library(2);
    let labels = writer.create_space("labels", 2, FINGERPRINT, b"").unwrap();
    fill(&mut writer, &labels, &[vec![1.0, 0.0]]);
    let gone = writer.create_space("gone", 2, FINGERPRINT, b"").unwrap();
    writer.drop_space(gone.id).unwrap();
    let refused = writer.drop_spaces(&[labels.id, gone.id]);
    assert!(matches!(refused, Err(IndexError::NoSuchSpace { id }) if id == gone.id));
    assert_eq!(writer.index().count(labels.id).unwrap(), 1);
    writer.drop_spaces(&[labels.id, space.id]).unwrap();
    assert_eq!(writer.index().spaces().unwrap(), []);
    assert_sound(writer.index());
}

#[test]
fn roots_are_added_once_and_removed_with_their_files() {
    let (_dir, mut writer, space) = library(2);
    let (a, b) = (writer.add_root(b"/a").unwrap(), writer.add_root(b"/b").unwrap());
    assert_eq!(writer.add_root(b"/a").unwrap(), a);
    let ids = fill(&mut writer, &space, &[vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]]);
    let mut batch = writer.batch();
    batch.put_file(a, b"only-here", &file(space.id, ids[0])).unwrap();
    batch.put_file(a, b"here", &file(space.id, ids[1])).unwrap();
    batch.put_file(b, b"there", &file(space.id, ids[1])).unwrap();
    batch.commit().unwrap();
    let summary = writer.remove_root(a).unwrap();
    assert_eq!((summary.files_removed, summary.items_deleted), (2, 1));
    let index = writer.index();
    assert_eq!(index.roots().unwrap().len(), 1);
    assert_eq!(index.item(space.id, ids[0]).unwrap(), None);
    assert_eq!(index.files_of(space.id, ids[1]).unwrap(), [(b, b"there".to_vec())]);
    assert!(index.item(space.id, ids[2]).unwrap().is_some(), "no file ever named it");
    assert_sound(index);
    assert!(matches!(writer.remove_root(a), Err(IndexError::NoSuchRoot { .. })));
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let (dir, writer, _) = library(2);
    let locked = Writer::open(dir.path()).unwrap_err();
    assert!(matches!(locked, IndexError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(locked.to_string().contains(&format!("process {}", std::process::id())));
    let index = writer.index().clone();
    drop(writer);
    assert!(
        matches!(Writer::open(dir.path()), Err(IndexError::Locked { .. })),
        "its index still has the library open"
    );
    drop(index);
    Writer::open(dir.path()).unwrap();
}

#[test]
fn a_directory_without_a_library_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("missing")] {
        assert!(matches!(Index::open(&path), Err(IndexError::NotFound { .. })));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn stats_count_what_is_there() {
    let (_dir, mut writer, space) = library(2);
    let ids = fill(&mut writer, &space, &[vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]]);
    writer.seal(&space, &SealOptions::default()).unwrap();
    let mut batch = writer.batch();
    batch.delete(&space, ids[0]).unwrap();
    batch.upsert(&space, b"new", &[0.8, 0.6], b"").unwrap();
    batch.commit().unwrap();
    let stats = writer.index().stats().unwrap();
    let [figures] = stats.spaces.as_slice() else {
        panic!("{stats:?}")
    };
    assert_eq!((figures.items, figures.unsealed), (3, 1));
    let [segment] = figures.segments.as_slice() else {
        panic!("{stats:?}")
    };
    assert_eq!((segment.items, segment.dead, segment.graph), (3, 1, false));
    assert!(stats.disk_bytes > segment.bytes);
    let plan = writer
        .index()
        .plan(
            space.id,
            &SearchParams {
                k: 5,
                mode: Mode::Auto,
                ..SearchParams::default()
            },
        )
        .unwrap();
    assert_eq!(
        plan.to_string(),
        "exact scan (the segment has no graph); 2 sealed, 1 unsealed"
    );
}
