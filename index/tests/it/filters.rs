//! Filters at every selectivity: what they admit, `k` of it where `k` exist, and nearly all of the true nearest.

use clipdex_index::{Mode, RoaringTreemap, SealOptions, SearchParams, Space, Writer};
use tempfile::TempDir;

use crate::support::{Noise, clustered, fill, library, oracle};

const DIM: usize = 32;
const COUNT: usize = 8000;

/// A library with a graph over [`COUNT`] vectors, and so many queries like them.
fn sealed(seed: u64, queries: usize) -> (TempDir, Writer, Space, Vec<Vec<f32>>) {
    let (dir, mut writer, space) = library(DIM);
    let mut vectors = clustered(seed, COUNT + queries, DIM, 80);
    let queries = vectors.split_off(COUNT);
    fill(&mut writer, &space, &vectors);
    let graph = SealOptions {
        graph_min_items: 1,
        threads: None,
    };
    writer.seal(&space, &graph).unwrap();
    (dir, writer, space, queries)
}

#[test]
fn recall_holds_at_every_selectivity() {
    let (_dir, writer, space, queries) = sealed(41, 30);
    let index = writer.index();
    let mut noise = Noise(42);
    for selectivity in [0.8, 0.5, 0.1, 0.01, 0.001] {
        let least = (selectivity * u64::MAX as f64) as u64;
        let filter: RoaringTreemap = (0..COUNT as u64).filter(|_| noise.bits() < least).collect();
        for mode in [Mode::Auto, Mode::Graph] {
            let params = SearchParams {
                k: 10,
                mode,
                filter: Some(&filter),
                ..SearchParams::default()
            };
            let (mut found, mut wanted) = (0, 0);
            for query in &queries {
                let admitted = oracle(index, space.id, query)
                    .into_iter()
                    .filter(|(id, _)| filter.contains(*id));
                let truth: Vec<_> = admitted.take(10).map(|(id, _)| id).collect();
                let hits = index.search(space.id, query, &params).unwrap();
                assert_eq!(hits.len() as u64, filter.len().min(10));
                assert!(hits.iter().all(|hit| filter.contains(hit.id)));
                wanted += truth.len();
                found += hits.iter().filter(|hit| truth.contains(&hit.id)).count();
            }
            assert!(
                found as f64 >= 0.95 * wanted as f64,
                "{found} of {wanted} at {selectivity}"
            );
        }
    }
}

#[test]
fn recall_holds_where_filters_follow_what_vectors_show() {
    let (_dir, writer, space, queries) = sealed(44, 20);
    let index = writer.index();
    let nearest: Vec<Vec<_>> = queries
        .iter()
        .map(|query| oracle(index, space.id, query).into_iter().map(|(id, _)| id).collect())
        .collect();
    for (selectivity, elsewhere) in [(0.8, 0), (0.8, 1), (0.5, 0), (0.5, 1), (0.1, 0), (0.1, 1), (0.01, 1)] {
        let (mut found, mut wanted) = (0, 0);
        for (place, query) in queries.iter().enumerate() {
            let others = &nearest[(place + elsewhere) % queries.len()];
            let admitted = (selectivity * COUNT as f64) as usize;
            let filter: RoaringTreemap = others[..admitted].iter().copied().collect();
            let truth = nearest[place].iter().filter(|id| filter.contains(**id));
            let truth: Vec<_> = truth.take(10).collect();
            let params = SearchParams {
                k: 10,
                mode: Mode::Graph,
                filter: Some(&filter),
                ..SearchParams::default()
            };
            let hits = index.search(space.id, query, &params).unwrap();
            assert_eq!(hits.len(), 10);
            assert!(hits.iter().all(|hit| filter.contains(hit.id)));
            wanted += truth.len();
            found += hits.iter().filter(|hit| truth.contains(&&hit.id)).count();
        }
        assert!(
            found as f64 >= 0.95 * wanted as f64,
            "{found} of {wanted} at {selectivity}, {elsewhere}"
        );
    }
}

#[test]
fn filters_apply_to_segments_and_to_what_is_unsealed() {
    let (_dir, mut writer, space) = library(DIM);
    let vectors = clustered(43, 300, DIM, 10);
    fill(&mut writer, &space, &vectors[..200]);
    writer.seal(&space, &SealOptions::default()).unwrap();
    let mut batch = writer.batch();
    for (i, vector) in vectors[200..].iter().enumerate() {
        batch
            .upsert(&space, format!("late {i}").as_bytes(), vector, b"")
            .unwrap();
    }
    batch.commit().unwrap();
    let filter: RoaringTreemap = (0..300).filter(|id| id % 7 == 0).collect();
    let params = SearchParams {
        k: 20,
        filter: Some(&filter),
        ..SearchParams::default()
    };
    for query in &vectors[..10] {
        let truth = oracle(writer.index(), space.id, query)
            .into_iter()
            .filter(|(id, _)| id % 7 == 0);
        let truth: Vec<_> = truth.take(20).map(|(id, _)| id).collect();
        let hits = writer.index().search(space.id, query, &params).unwrap();
        assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), truth);
    }
    let nothing = RoaringTreemap::new();
    let params = SearchParams {
        k: 20,
        filter: Some(&nothing),
        ..SearchParams::default()
    };
    assert!(
        writer
            .index()
            .search(space.id, &vectors[0], &params)
            .unwrap()
            .is_empty()
    );
}
