//! Readers beside a writer.

use clipdex_index::{Index, SealOptions, SearchParams};

use crate::support::{assert_sound, clustered, fill, library};

fn nearest(index: &Index, space: clipdex_index::SpaceId, query: &[f32]) -> Vec<u64> {
    let params = SearchParams {
        k: 2,
        ..SearchParams::default()
    };
    index
        .search(space, query, &params)
        .unwrap()
        .into_iter()
        .map(|hit| hit.id)
        .collect()
}

#[test]
fn a_reader_sees_what_was_committed_before_its_opening() {
    let (dir, mut writer, space) = library(2);
    let a = fill(&mut writer, &space, &[vec![1.0, 0.0]])[0];
    let mut reader = Index::open(dir.path()).unwrap();
    assert_eq!(nearest(&reader, space.id, &[1.0, 0.0]), [a]);

    let mut batch = writer.batch();
    let b = batch.upsert(&space, b"b", &[0.8, 0.6], b"").unwrap();
    assert_eq!(nearest(&reader, space.id, &[1.0, 0.0]), [a]);
    batch.commit().unwrap();
    assert_eq!(nearest(&reader, space.id, &[1.0, 0.0]), [a], "as of the opening");
    reader = Index::open(dir.path()).unwrap();
    assert_eq!(nearest(&reader, space.id, &[1.0, 0.0]), [a, b]);

    writer.seal(&space, &SealOptions::default()).unwrap();
    let mut batch = writer.batch();
    batch.delete(&space, a).unwrap();
    batch.commit().unwrap();
    reader = Index::open(dir.path()).unwrap();
    assert_eq!(nearest(&reader, space.id, &[1.0, 0.0]), [b]);
    assert_eq!(reader.stats().unwrap().spaces[0].segments[0].dead, 1);
    assert_sound(&reader);
}

#[test]
fn readers_open_and_search_while_a_writer_commits_and_seals() {
    let (dir, mut writer, space) = library(8);
    let vectors = clustered(3, 400, 8, 5);
    std::thread::scope(|scope| {
        let path = dir.path();
        let (id, query) = (space.id, vectors[0].clone());
        let reader = scope.spawn(move || {
            let mut seen = 0;
            while seen < 400 {
                let index = Index::open(path).unwrap();
                let params = SearchParams {
                    k: 1000,
                    ..SearchParams::default()
                };
                // Each commit has ten items: a reader sees none or all of them.
                let hits = index.search(id, &query, &params).unwrap().len();
                assert!(hits >= seen && hits.is_multiple_of(10), "{hits} after {seen}");
                assert_eq!(index.count(id).unwrap() as usize, hits);
                seen = hits;
            }
        });
        for (round, some) in vectors.chunks(10).enumerate() {
            let mut batch = writer.batch();
            for (i, vector) in some.iter().enumerate() {
                batch.upsert(&space, &[round as u8, i as u8], vector, b"").unwrap();
            }
            batch.commit().unwrap();
            if round % 8 == 0 {
                writer.seal(&space, &SealOptions::default()).unwrap();
            }
        }
        reader.join().unwrap();
    });
    assert_sound(writer.index());
}

#[test]
fn a_reader_writes_nothing_into_the_library() {
    let (dir, mut writer, space) = library(2);
    fill(&mut writer, &space, &[vec![1.0, 0.0]]);
    drop(writer);
    let listing = || {
        let names = ["", "db", "segments"].map(|name| std::fs::read_dir(dir.path().join(name)));
        let mut names: Vec<_> = names
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = listing();
    let reader = Index::open(dir.path()).unwrap();
    assert_eq!(nearest(&reader, space.id, &[1.0, 0.0]), [0]);
    assert_eq!(listing(), before);
}

#[test]
fn vectors_come_in_id_order_from_segment_and_database() {
    let (_dir, mut writer, space) = library(6);
    let vectors = clustered(1, 50, 6, 3);
    fill(&mut writer, &space, &vectors[..40]);
    writer.seal(&space, &SealOptions::default()).unwrap();
    let mut batch = writer.batch();
    batch.upsert(&space, &3usize.to_be_bytes(), &vectors[40], b"").unwrap();
    batch.delete(&space, 7).unwrap();
    batch.upsert(&space, b"new", &vectors[41], b"").unwrap();
    batch.commit().unwrap();
    let set = writer.index().vectors(space.id).unwrap();
    let expected: Vec<u64> = (0..41).filter(|id| *id != 7).collect();
    assert_eq!(set.ids, expected);
    for (id, row) in set.ids.iter().zip(set.data.chunks_exact(set.dim)) {
        assert_eq!(writer.index().vector(space.id, *id).unwrap().unwrap(), row);
    }
}

#[test]
fn an_index_is_shared_between_threads() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Index>();
    let (dir, mut writer, space) = library(8);
    let vectors = clustered(4, 6000, 8, 7);
    fill(&mut writer, &space, &vectors);
    let reader = Index::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for query in &vectors[..4] {
            let reader = &reader;
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(nearest(reader, space.id, query).len(), 2);
                }
            });
        }
    });
}
