//! Opening, formats, and a dump of the whole database.

use std::collections::BTreeMap;

use super::*;

/// Every stored entry, by column family name and key.
pub(crate) fn dump(store: &Store) -> BTreeMap<(&'static str, Vec<u8>), Vec<u8>> {
    let mut all = BTreeMap::new();
    for cf in Cf::ALL {
        let mut scan = store.scan(cf, &[]);
        while let Some((key, value)) = scan.advance().unwrap() {
            all.insert((cf.name(), key.to_vec()), value.to_vec());
        }
    }
    all
}

fn put(store: &Store, cf: Cf, key: &[u8], value: &[u8]) {
    let mut changes = Changes::default();
    changes.put(cf, key, value.to_vec());
    store.write(&changes).unwrap();
}

#[test]
fn a_new_database_holds_its_format_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    let expected = BTreeMap::from([(("meta", keys::FORMAT.to_vec()), vec![0, 0, 0, 2])]);
    assert_eq!(dump(&store), expected);
    drop(store);
    assert_eq!(dump(&Store::open_primary(dir.path()).unwrap()), expected);
    assert_eq!(dump(&Store::open_read_only(dir.path()).unwrap()), expected);
}

#[test]
fn a_newer_format_is_refused_by_writer_and_reader() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open_primary(dir.path()).unwrap();
    put(&store, Cf::Meta, keys::FORMAT, &codec::encode_format(7));
    store.db.create_cf("from_the_future", &Options::default()).unwrap();
    drop(store);
    for opened in [Store::open_primary(dir.path()), Store::open_read_only(dir.path())] {
        assert!(matches!(
            opened,
            Err(IndexError::UnsupportedFormat { found: 7, supported: 2 })
        ));
    }
}

#[test]
fn data_without_a_format_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    let mut changes = Changes::default();
    changes.delete(Cf::Meta, keys::FORMAT);
    changes.put(Cf::Roots, keys::root(crate::RootId(0)), vec![1, 0]);
    store.write(&changes).unwrap();
    drop(store);
    for opened in [Store::open_primary(dir.path()), Store::open_read_only(dir.path())] {
        assert!(matches!(opened, Err(IndexError::Corrupt { what: "format", .. })));
    }
}

#[test]
fn no_library_is_reported_as_such() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Store::open_read_only(dir.path()),
        Err(IndexError::NotFound { .. })
    ));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "a reader creates nothing");
}

#[test]
fn a_database_without_the_file_that_names_the_others_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    put(&store, Cf::Files, b"a", b"kept");
    store.flush().unwrap();
    let before = dump(&store);
    drop(store);
    let (current, away) = (dir.path().join("db/CURRENT"), dir.path().join("CURRENT"));
    fs::rename(&current, &away).unwrap();
    for opened in [Store::open_primary(dir.path()), Store::open_read_only(dir.path())] {
        let message = opened.err().unwrap().to_string();
        assert!(message.contains("CURRENT is missing"), "{message}");
    }
    fs::rename(&away, &current).unwrap();
    assert_eq!(dump(&Store::open_read_only(dir.path()).unwrap()), before);
}

#[test]
fn a_table_that_is_missing_is_an_error_for_readers_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    put(&store, Cf::Files, b"a", b"kept");
    store.flush().unwrap();
    drop(store);
    let tables = fs::read_dir(dir.path().join("db")).unwrap();
    let tables: Vec<_> = tables
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "sst"))
        .collect();
    assert!(!tables.is_empty());
    for table in tables {
        let bytes = fs::read(&table).unwrap();
        for damaged in [None, Some(&bytes[..0]), Some(&bytes[..bytes.len() / 2])] {
            match damaged {
                None => fs::remove_file(&table).unwrap(),
                Some(damaged) => fs::write(&table, damaged).unwrap(),
            }
            let error = Store::open_read_only(dir.path()).err().unwrap();
            assert!(matches!(error, IndexError::Database { .. }), "{error}");
        }
        fs::write(&table, bytes).unwrap();
    }
    Store::open_read_only(dir.path()).unwrap();
}

#[test]
fn small_tables_are_merged_once_there_are_several() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    let tables = || {
        let files = store.db.live_files().unwrap();
        files.iter().filter(|file| file.column_family_name == "items").count()
    };
    for (key, expected) in [(b"a", 1), (b"b", 2), (b"c", 1)] {
        put(&store, Cf::Items, key, b"value");
        store.flush().unwrap();
        store.merge_small_tables().unwrap();
        assert_eq!(tables(), expected);
    }
    assert_eq!(dump(&store).keys().filter(|(cf, _)| *cf == "items").count(), 3);
}

#[test]
fn views_read_through_changes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    for key in [b"a1", b"a2", b"b1"] {
        put(&store, Cf::Files, key, b"old");
    }
    let mut changes = Changes::default();
    changes.delete(Cf::Files, b"a1");
    changes.put(Cf::Files, b"a3", b"new".to_vec());
    let view = View {
        store: &store,
        changes: &changes,
    };
    assert_eq!(view.keys(Cf::Files, b"a").unwrap(), [b"a2".to_vec(), b"a3".to_vec()]);
    assert_eq!(view.get(Cf::Files, b"a1").unwrap(), None);
    assert_eq!(view.get(Cf::Files, b"a3").unwrap(), Some(b"new".to_vec()));
    assert_eq!(view.get(Cf::Files, b"b1").unwrap(), Some(b"old".to_vec()));
}

#[test]
fn clearing_a_prefix_spares_what_is_put_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_primary(dir.path()).unwrap();
    for key in [b"a1", b"a2", b"b1"] {
        put(&store, Cf::Files, key, b"old");
    }
    let mut changes = Changes::default();
    changes.put(Cf::Files, b"a3", b"new".to_vec());
    changes.clear(Cf::Files, b"a");
    store.write(&changes).unwrap();
    let left: Vec<_> = dump(&store)
        .into_keys()
        .filter(|(cf, _)| *cf == "files")
        .map(|(_, key)| key)
        .collect();
    assert_eq!(left, [b"a3".to_vec(), b"b1".to_vec()]);
}
