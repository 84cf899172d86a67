//! Many segments: sealed in turn, merged by size, in the foreground and beside batches.

use std::thread;
use std::time::Duration;

use clipdex_index::{Index, IndexError, Mode, SealObserver, SealOptions, SearchParams, SegmentPolicy, Space, Writer};

use crate::support::{assert_sound, clustered, library, oracle};

const DIM: usize = 16;
const SMALL: SegmentPolicy = SegmentPolicy {
    seal_at: 50,
    factor: 4,
    dead_percent: 25,
};
const OPTIONS: SealOptions = SealOptions {
    graph_min_items: 150,
    threads: Some(1),
};

fn put(writer: &mut Writer, space: &Space, from: usize, vectors: &[Vec<f32>]) {
    let mut batch = writer.batch();
    for (i, vector) in vectors.iter().enumerate() {
        batch.upsert(space, &(from + i).to_be_bytes(), vector, b"").unwrap();
    }
    batch.commit().unwrap();
}

fn segments(index: &Index) -> Vec<(u64, u64, bool)> {
    let stats = index.stats().unwrap();
    let segments = stats.spaces[0].segments.iter();
    segments.map(|one| (one.items, one.dead, one.graph)).collect()
}

/// Searches of every mode agree with what the index says it holds.
fn assert_answers(index: &Index, space: &Space, queries: &[Vec<f32>]) {
    for query in queries {
        let truth: Vec<_> = oracle(index, space.id, query).into_iter().take(10).collect();
        for mode in [Mode::Auto, Mode::Exact] {
            let params = SearchParams {
                k: 10,
                mode,
                ..SearchParams::default()
            };
            let hits = index.search(space.id, query, &params).unwrap();
            assert_eq!(hits.len(), truth.len());
            for (hit, (_, score)) in hits.iter().zip(&truth) {
                assert!((hit.score - score).abs() < 1e-5, "{hits:?} {truth:?}");
            }
        }
    }
}

#[test]
fn vectors_are_sealed_in_turn_and_merged_tier_by_tier() {
    let (_dir, mut writer, space) = library(DIM);
    writer.set_policy(SMALL);
    let vectors = clustered(21, 700, DIM, 8);
    let mut seen = Vec::new();
    for (round, some) in vectors.chunks(50).enumerate() {
        put(&mut writer, &space, round * 50, some);
        writer.seal_if_due(&space, &OPTIONS).unwrap();
        seen.push(segments(writer.index()).len());
        assert_answers(writer.index(), &space, &vectors[..3]);
    }
    assert!(seen.iter().all(|count| (1..=4).contains(count)), "{seen:?}");
    assert!(seen.iter().any(|count| *count > 1), "{seen:?}");
    let sizes = segments(writer.index());
    assert_eq!(sizes.iter().map(|(items, ..)| items).sum::<u64>(), 700);
    assert!(sizes.iter().any(|(items, _, graph)| *items >= 150 && *graph));
    assert_sound(writer.index());
}

#[test]
fn deletions_and_replacements_reach_every_segment() {
    let (dir, mut writer, space) = library(DIM);
    writer.set_policy(SegmentPolicy { factor: 100, ..SMALL });
    let vectors = clustered(22, 300, DIM, 8);
    for (round, some) in vectors.chunks(100).enumerate() {
        put(&mut writer, &space, round * 100, some);
        // Settling would merge what is so small a library.
        writer.tend(&space, &OPTIONS).unwrap();
        wait(&mut writer, &space);
    }
    assert_eq!(segments(writer.index()).len(), 3);
    // Written anew, an item of the first segment is sealed into a later one, and then deleted.
    put(&mut writer, &space, 7, &vectors[200..260]);
    writer.tend(&space, &OPTIONS).unwrap();
    wait(&mut writer, &space);
    let mut batch = writer.batch();
    for id in [7, 8, 150, 299] {
        assert!(batch.delete(&space, id).unwrap());
    }
    batch.commit().unwrap();
    assert_eq!(writer.index().count(space.id).unwrap(), 296);
    assert_answers(writer.index(), &space, &vectors[..20]);
    assert_sound(writer.index());
    drop(writer);
    let mut writer = Writer::open(dir.path()).unwrap();
    assert_answers(writer.index(), &space, &vectors[..20]);
    let summary = writer.seal(&space, &OPTIONS).unwrap();
    assert_eq!((summary.items, summary.graph), (296, true));
    assert_eq!(segments(writer.index()), [(296, 0, true)]);
    assert_answers(writer.index(), &space, &vectors[..20]);
    assert_sound(writer.index());
}

/// Lets the background finish, and makes its work current.
fn wait(writer: &mut Writer, space: &Space) {
    while writer.is_tending() {
        thread::sleep(Duration::from_millis(1));
        writer.tend(space, &OPTIONS).unwrap();
    }
}

#[test]
fn segments_with_many_dead_vectors_are_made_anew() {
    let (_dir, mut writer, space) = library(DIM);
    writer.set_policy(SMALL);
    put(&mut writer, &space, 0, &clustered(23, 100, DIM, 8));
    writer.seal_if_due(&space, &OPTIONS).unwrap();
    let mut batch = writer.batch();
    for id in 0..30 {
        batch.delete(&space, id).unwrap();
    }
    batch.commit().unwrap();
    assert_eq!(segments(writer.index()), [(100, 30, false)]);
    writer.seal_if_due(&space, &OPTIONS).unwrap();
    assert_eq!(segments(writer.index()), [(70, 0, false)]);
    assert_sound(writer.index());
}

#[test]
fn batches_go_on_while_the_background_merges_and_nothing_of_them_is_lost() {
    let (dir, mut writer, space) = library(DIM);
    writer.set_policy(SMALL);
    let vectors = clustered(24, 4000, DIM, 20);
    let mut installed = 0;
    for (round, some) in vectors.chunks(20).enumerate() {
        put(&mut writer, &space, round * 20, some);
        let before = segments(writer.index());
        writer.tend(&space, &OPTIONS).unwrap();
        installed += usize::from(segments(writer.index()) != before);
        if round % 3 == 2 {
            // Replaces and deletes what is being sealed or merged at this moment.
            let at = (round * 7) % (round * 20);
            put(&mut writer, &space, at, &vectors[at + 1..at + 3]);
            let mut batch = writer.batch();
            let doomed = batch.id_of_key(space.id, &(at + 5).to_be_bytes()).unwrap();
            if let Some(id) = doomed {
                batch.delete(&space, id).unwrap();
            }
            batch.commit().unwrap();
        }
        if round % 20 == 0 {
            let reader = Index::open(dir.path()).unwrap();
            for index in [writer.index(), &reader] {
                assert_answers(index, &space, &vectors[..1]);
            }
        }
    }
    assert!(installed >= 3, "{installed}");
    wait(&mut writer, &space);
    assert_sound(writer.index());
    writer.seal_if_due(&space, &OPTIONS).unwrap();
    assert_answers(writer.index(), &space, &vectors[..10]);
    assert_sound(writer.index());
    assert!(writer.index().warnings().is_empty());
    assert_sound(&Index::open(dir.path()).unwrap());
}

#[test]
fn a_reader_keeps_its_generation() {
    let (dir, mut writer, space) = library(DIM);
    let vectors = clustered(25, 200, DIM, 8);
    put(&mut writer, &space, 0, &vectors[..100]);
    writer.seal(&space, &OPTIONS).unwrap();
    let mut reader = Index::open(dir.path()).unwrap();
    let before = oracle(&reader, space.id, &vectors[0]);
    put(&mut writer, &space, 100, &vectors[100..]);
    writer.seal(&space, &OPTIONS).unwrap();
    assert_answers(&reader, &space, &vectors[..5]);
    assert_eq!(oracle(&reader, space.id, &vectors[0]), before);
    assert!(reader.warnings().is_empty(), "{:?}", reader.warnings());
    reader = Index::open(dir.path()).unwrap();
    assert_eq!(oracle(&reader, space.id, &vectors[0]).len(), 200);
}

#[test]
fn a_reader_that_has_not_looked_yet_finds_the_files_that_it_was_opened_with() {
    let (dir, mut writer, space) = library(DIM);
    writer.set_policy(SMALL);
    let vectors = clustered(29, 200, DIM, 8);
    for (round, some) in vectors.chunks(50).enumerate() {
        put(&mut writer, &space, round * 50, some);
        let reader = Index::open(dir.path()).unwrap();
        writer.tend(&space, &OPTIONS).unwrap();
        wait(&mut writer, &space);
        assert_answers(&reader, &space, &vectors[..1]);
        assert!(reader.warnings().is_empty(), "{:?}", reader.warnings());
    }
    assert_eq!(segments(writer.index()), [(200, 0, true)]);
    writer.settle(&space, &OPTIONS, &()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("segments")).unwrap().count(), 1);
}

#[test]
fn work_that_is_cancelled_or_dropped_leaves_the_space_as_it_was() {
    struct Stop;
    impl SealObserver for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let (dir, mut writer, space) = library(DIM);
    writer.set_policy(SMALL);
    let vectors = clustered(26, 400, DIM, 8);
    put(&mut writer, &space, 0, &vectors);
    let cancelled = writer.seal_observed(&space, &OPTIONS, &Stop);
    assert!(matches!(cancelled, Err(IndexError::Cancelled)));
    let cancelled = writer.settle(&space, &OPTIONS, &Stop);
    assert!(matches!(cancelled, Err(IndexError::Cancelled)));
    assert_eq!(segments(writer.index()), []);
    assert_sound(writer.index());
    writer.tend(&space, &OPTIONS).unwrap();
    assert!(writer.is_tending());
    drop(writer);
    let writer = Writer::open(dir.path()).unwrap();
    let files = std::fs::read_dir(dir.path().join("segments")).map_or(0, Iterator::count);
    assert_eq!(files, 0);
    assert_answers(writer.index(), &space, &vectors[..3]);
    assert_sound(writer.index());
}

#[test]
fn a_space_that_is_dropped_while_it_is_being_sealed_is_gone() {
    let (_dir, mut writer, space) = library(DIM);
    writer.set_policy(SMALL);
    put(&mut writer, &space, 0, &clustered(27, 400, DIM, 8));
    writer.tend(&space, &OPTIONS).unwrap();
    writer.drop_space(space.id).unwrap();
    assert!(!writer.is_tending());
    assert!(matches!(writer.tend(&space, &OPTIONS), Ok(())));
    assert_eq!(writer.index().spaces().unwrap(), []);
    assert_sound(writer.index());
}

#[test]
fn many_queries_are_answered_as_one_by_one() {
    let (_dir, mut writer, space) = library(DIM);
    let vectors = clustered(28, 300, DIM, 8);
    put(&mut writer, &space, 0, &vectors);
    writer.seal(&space, &OPTIONS).unwrap();
    let params = SearchParams {
        k: 7,
        ..SearchParams::default()
    };
    let index = writer.index();
    let many = index.search_many(space.id, &vectors, &params).unwrap();
    for (query, hits) in vectors.iter().zip(many) {
        assert_eq!(index.search(space.id, query, &params).unwrap(), hits);
    }
    assert!(index.search_many(space.id, &[vec![1.0; 3]], &params).is_err());
}
