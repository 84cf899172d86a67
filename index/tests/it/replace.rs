//! Spaces that take the place of others.

use clipdex_index::{Index, IndexError, Replacement, SealOptions, SearchParams, Space, SpaceId, Writer};

use crate::support::{assert_sound, file, fill, library};

const OTHER: [u8; 32] = [9; 32];

fn best(index: &Index, space: &Space, query: &[f32]) -> Vec<u8> {
    let params = SearchParams {
        k: 1,
        ..SearchParams::default()
    };
    let hit = index.search(space.id, query, &params).unwrap()[0];
    index.item(space.id, hit.id).unwrap().unwrap().key
}

fn put(writer: &mut Writer, space: &Space, key: &[u8], vector: &[f32]) {
    let mut batch = writer.batch();
    batch.upsert(space, key, vector, b"").unwrap();
    batch.commit().unwrap();
}

#[test]
fn the_new_space_takes_name_and_files_and_the_old_one_is_gone() {
    let (dir, mut writer, images) = library(2);
    let bank = writer.create_space("bank", 2, [7; 32], b"old").unwrap();
    let ids = fill(&mut writer, &images, &[vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]]);
    fill(&mut writer, &bank, &[vec![1.0, 0.0]]);
    let root = writer.add_root(b"/photos").unwrap();
    let mut batch = writer.batch();
    for (name, item) in [("a", ids[0]), ("a copy", ids[0]), ("b", ids[1]), ("c", ids[2])] {
        batch.put_file(root, name.as_bytes(), &file(images.id, item)).unwrap();
    }
    batch.commit().unwrap();
    writer.seal(&images, &SealOptions::default()).unwrap();

    let new = writer.create_space("next images", 3, OTHER, b"attributes").unwrap();
    let new_bank = writer.create_space("next bank", 3, OTHER, b"new").unwrap();
    // In another order than the old items, and without the third.
    put(&mut writer, &new, &1usize.to_be_bytes(), &[0.0, 0.0, 1.0]);
    put(&mut writer, &new, &0usize.to_be_bytes(), &[1.0, 0.0, 0.0]);
    put(&mut writer, &new_bank, &0usize.to_be_bytes(), &[1.0, 0.0, 0.0]);
    writer.seal(&new, &SealOptions::default()).unwrap();
    let mut reader = Index::open(dir.path()).unwrap();
    assert_eq!(best(&reader, &images, &[1.0, 0.0]), 0usize.to_be_bytes());
    let pairs = [(images.id, new.id), (bank.id, new_bank.id)].map(|(old, new)| Replacement { old, new });
    writer.replace_spaces(&pairs).unwrap();

    let index = writer.index();
    assert_sound(index);
    let spaces = index.spaces().unwrap();
    assert_eq!(
        spaces
            .iter()
            .map(|space| (space.name.as_str(), space.id))
            .collect::<Vec<_>>(),
        [("images", new.id), ("bank", new_bank.id)]
    );
    assert_eq!((spaces[0].dim, spaces[0].fingerprint), (3, OTHER));
    assert_eq!(best(index, &spaces[0], &[0.0, 0.0, 1.0]), 1usize.to_be_bytes());
    let named: Vec<_> = index
        .files(root)
        .map(|entry| {
            let (name, record) = entry.unwrap();
            let key = index.item(record.space, record.item).unwrap().unwrap().key;
            (name, key, record.size)
        })
        .collect();
    let expected = [("a", 0usize), ("a copy", 0), ("b", 1)].map(|(name, key)| {
        let (name, key) = (name.as_bytes().to_vec(), key.to_be_bytes().to_vec());
        (name, key, 10)
    });
    assert_eq!(named, expected, "the file without a counterpart is forgotten");
    assert_eq!(std::fs::read_dir(dir.path().join("segments")).unwrap().count(), 1);

    assert_eq!(
        reader.space("images").unwrap().unwrap().id,
        images.id,
        "as it was opened"
    );
    reader = Index::open(dir.path()).unwrap();
    assert_eq!(reader.space("images").unwrap().unwrap().id, new.id);
    assert_sound(&reader);
}

#[test]
fn a_missing_space_changes_nothing() {
    let (_dir, mut writer, images) = library(2);
    let (old, missing) = (images.id, SpaceId(77));
    let refused = writer.replace_spaces(&[Replacement { old, new: missing }]);
    assert!(matches!(refused, Err(IndexError::NoSuchSpace { id }) if id == missing));
    assert_eq!(writer.index().spaces().unwrap(), [images]);
}
