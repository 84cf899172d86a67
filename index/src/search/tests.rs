//! Scans and walks of a segment against the products of its vectors.

use std::path::Path;

use half::f16;
use proptest::prelude::*;
use roaring::RoaringTreemap;
use tempfile::TempDir;

use super::exact::{admits, scan_sealed, scan_sealed_many};
use super::top::{Scored, Top};
use super::walk::walk_graph;
use crate::graph::{Graph, Level};
use crate::kernel::{dot_f16_f16, dot_f16_f32};
use crate::matrix::Matrix;
use crate::segment::{self, Segment, format::NONE};
use crate::sketch::Sketches;
use crate::store::codec::SegmentRecord;
use crate::testing::{Noise, unit, unit_rows};
use crate::types::ItemId;
use crate::view::{RowSet, Sealed};

/// A segment of the matrix in which some rows no longer hold.
fn sealed(matrix: &Matrix, graph: Option<&Graph>, dead: &[usize]) -> (TempDir, Sealed) {
    let directory = tempfile::tempdir().unwrap();
    let record = record(directory.path(), matrix, graph);
    let segment = Segment::open(directory.path(), &record, matrix.dim).unwrap();
    let mut rows = RowSet::new(matrix.ids.len());
    dead.iter().for_each(|row| rows.insert(*row));
    let dead = rows;
    (directory, Sealed { record, segment, dead })
}

fn record(directory: &Path, matrix: &Matrix, graph: Option<&Graph>) -> SegmentRecord {
    let sketches = graph.and_then(|_| Sketches::new(matrix, &[]).unwrap());
    SegmentRecord {
        name: "test.seg".to_owned(),
        checksum: segment::write(directory, "test.seg", matrix, graph, sketches.as_ref()).unwrap(),
        items: matrix.ids.len() as u64,
        graph: graph.is_some(),
        ..SegmentRecord::default()
    }
}

/// The answer of a scan of the vectors.
fn truth(
    matrix: &Matrix,
    sealed: &Sealed,
    query: &[f32],
    k: usize,
    filter: Option<&RoaringTreemap>,
) -> Vec<(ItemId, f32)> {
    let mut top = Top::new(k);
    let rows = matrix.ids.iter().zip(matrix.vectors.chunks(matrix.dim)).enumerate();
    for (_, (id, vector)) in rows.filter(|(row, (id, _))| !sealed.dead.contains(*row) && admits(filter, **id)) {
        let score = dot_f16_f32(vector, query);
        top.push(Scored { score, id: *id });
    }
    sorted(top)
}

fn sorted(top: Top<ItemId>) -> Vec<(ItemId, f32)> {
    top.into_sorted().iter().map(|hit| (hit.id, hit.score)).collect()
}

/// `count` ids, `step` apart, the first of which exists.
fn every(step: u64, count: u64) -> RoaringTreemap {
    (0..count).map(|place| 1 + place * step).collect()
}

/// Every row linked with the 14 nearest and the next, and one level above of every 40th row in a ring.
fn linked(matrix: &Matrix) -> Graph {
    let rows = matrix.ids.len();
    let vector = |row: usize| &matrix.vectors[row * matrix.dim..(row + 1) * matrix.dim];
    let mut level0 = Vec::new();
    for row in 0..rows {
        let mut near = Top::new(14);
        for other in (0..rows).filter(|other| *other != row) {
            let score = dot_f16_f16(vector(row), vector(other));
            near.push(Scored {
                score,
                id: other as u32,
            });
        }
        let mut list: Vec<u32> = near.into_sorted().iter().map(|hit| hit.id).collect();
        list.push(((row + 1) % rows) as u32);
        list.resize(16, NONE);
        level0.extend(list);
    }
    let nodes: Vec<u32> = (0..rows as u32).step_by(40).collect();
    let next = nodes.iter().cycle().skip(1).copied();
    let neighbours = next.take(nodes.len()).collect();
    Graph {
        entry: 0,
        stride: 16,
        level0,
        upper_stride: 1,
        upper: vec![Level { nodes, neighbours }],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_scan_of_codes_answers_as_one_of_vectors(
        rows in 1usize..700, dim in 1usize..90, common in 0.0f32..4.0, seed: u64, k in 1usize..800,
        step in 1u64..60, equal in 0usize..20,
    ) {
        let mut matrix = unit_rows(rows, dim, common, seed);
        for row in 0..equal.min(rows) {
            matrix.vectors.copy_within(0..dim, row * dim);
        }
        let (_directory, sealed) = sealed(&matrix, None, &[0, rows / 2, rows / 3]);
        let query = unit(Noise::new(!seed).values(dim));
        let filter = every(step, 2 * rows as u64);
        for k in [1, 10, k] {
            for filter in [None, Some(&filter)] {
                prop_assert_eq!(
                    sorted(scan_sealed(&sealed, &query, k, filter)),
                    truth(&matrix, &sealed, &query, k, filter)
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_scan_for_many_queries_answers_as_one_for_each(
        rows in 1usize..700, dim in 1usize..90, seed: u64, count in 0usize..70, k in 1usize..40, step in 1u64..60,
    ) {
        let matrix = unit_rows(rows, dim, 1.0, seed);
        let (_directory, sealed) = sealed(&matrix, None, &[0, rows / 2]);
        let mut noise = Noise::new(!seed);
        let queries: Vec<_> = (0..count).map(|_| unit(noise.values(dim))).collect();
        let filter = every(step, 2 * rows as u64);
        for filter in [None, Some(&filter)] {
            let many = scan_sealed_many(&sealed, &queries, k, filter);
            prop_assert_eq!(many.len(), count);
            for (query, found) in queries.iter().zip(many) {
                prop_assert_eq!(sorted(found), truth(&matrix, &sealed, query, k, filter));
            }
        }
    }
}

#[test]
fn scans_on_several_threads_answer_as_one() {
    let matrix = unit_rows(30_000, 8, 1.0, 4);
    let (_directory, sealed) = sealed(&matrix, None, &[5]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    for seed in 0..4 {
        let query = unit(Noise::new(seed).values(8));
        for (k, step) in [(10, 1), (10_000, 1), (10, 40), (1000, 40)] {
            let filter = every(step, 60_000 / step);
            let scan = || sorted(scan_sealed(&sealed, &query, k, Some(&filter)));
            assert_eq!(
                pool.install(scan),
                truth(&matrix, &sealed, &query, k, Some(&filter)),
                "{k} {step}"
            );
            let queries = vec![query.clone(); 5];
            let many = pool.install(|| scan_sealed_many(&sealed, &queries, k, Some(&filter)));
            assert!(many.into_iter().all(|found| sorted(found) == scan()), "{k} {step}");
        }
    }
}

#[test]
fn a_walk_finds_nearly_all_with_their_exact_scores() {
    finds_nearly_all(&unit_rows(1_500, 8, 1.0, 5));
}

#[test]
fn a_walk_by_sketches_finds_nearly_all_with_their_exact_scores() {
    let matrix = unit_rows(1_500, 8, 1.0, 5);
    let widened = |vector: &[f16]| [vector, &[f16::ZERO; 292]].concat();
    finds_nearly_all(&Matrix {
        vectors: matrix.vectors.chunks(8).flat_map(widened).collect(),
        dim: 300,
        ids: matrix.ids,
    });
}

/// The vectors vary along the first eight axes alone.
fn finds_nearly_all(matrix: &Matrix) {
    let (_directory, sealed) = sealed(matrix, Some(&linked(matrix)), &[]);
    assert_eq!(sealed.segment.sketches().is_some(), matrix.dim > 8);
    let (mut found, mut stable) = (0, 0);
    for seed in 0..50 {
        let mut query = unit(Noise::new(100 + seed).values(8));
        query.resize(matrix.dim, 0.0);
        let walked = sorted(walk_graph(&sealed, &query, 10, 100, None).unwrap());
        let all = truth(matrix, &sealed, &query, 1_500, None);
        assert!(
            walked.iter().all(|hit| all.contains(hit)),
            "scores are those of the vectors"
        );
        assert!(walked.is_sorted_by(|a, b| a.1 > b.1 || a.1 == b.1 && a.0 < b.0));
        found += walked.iter().filter(|hit| all[..10].contains(hit)).count();
        stable += usize::from(sorted(walk_graph(&sealed, &query, 5, 100, None).unwrap()) == walked[..5]);
    }
    assert!(found >= 480, "{found} of 500");
    assert_eq!(stable, 50, "the first five of ten are the top five");
}

#[test]
fn a_walk_finds_only_rows_that_hold_and_are_admitted() {
    let matrix = unit_rows(1_500, 8, 1.0, 6);
    let dead: Vec<usize> = (0..1_500).step_by(9).collect();
    let (_directory, sealed) = sealed(&matrix, Some(&linked(&matrix)), &dead);
    for step in [1, 2, 10, 60] {
        let filter = every(step, 3_000 / step);
        let mut found = 0;
        for seed in 0..10 {
            let query = unit(Noise::new(200 + seed).values(8));
            let walked = sorted(walk_graph(&sealed, &query, 10, 100, Some(&filter)).unwrap());
            let truth = truth(&matrix, &sealed, &query, 10, Some(&filter));
            found += walked.iter().filter(|hit| truth.contains(hit)).count();
            assert!(
                walked
                    .iter()
                    .all(|(id, _)| filter.contains(*id) && sealed.row(*id).is_some())
            );
        }
        assert!(found >= 90, "{found} of 100 of one in {step}");
    }
}

#[test]
fn ten_thousand_results() {
    let matrix = unit_rows(12_000, 4, 1.0, 7);
    let mut graph = linked_in_rings(12_000);
    graph.upper.clear();
    let (_directory, sealed) = sealed(&matrix, Some(&graph), &[]);
    let query = unit(Noise::new(300).values(4));
    let walked = sorted(walk_graph(&sealed, &query, 10_000, 12_000, None).unwrap());
    assert_eq!(walked, truth(&matrix, &sealed, &query, 10_000, None));
    assert_eq!(sorted(scan_sealed(&sealed, &query, 10_000, None)), walked);
}

/// Every row linked with three others, so that a wide walk comes everywhere.
fn linked_in_rings(rows: u32) -> Graph {
    let others = |row: u32| [1, 97, 1_009].map(|step| (row + step) % rows);
    Graph {
        entry: 0,
        stride: 3,
        level0: (0..rows).flat_map(others).collect(),
        upper_stride: 1,
        upper: Vec::new(),
    }
}

#[test]
fn a_walk_that_finds_fewer_than_asked_for_says_so() {
    let matrix = unit_rows(300, 8, 1.0, 8);
    let mut graph = linked_in_rings(300);
    let query = unit(Noise::new(1).values(8));
    let (_directory, whole) = sealed(&matrix, Some(&graph), &[3]);
    assert!(walk_graph(&whole, &query, 299, 10, None).is_some());
    assert!(walk_graph(&whole, &query, 300, 300, None).is_none());
    let even = (0..600).step_by(2).collect();
    assert!(
        walk_graph(&whole, &query, 5, 300, Some(&even)).is_none(),
        "no id is even"
    );
    graph.level0.fill(NONE);
    let (_directory, cut) = sealed(&matrix, Some(&graph), &[]);
    assert!(walk_graph(&cut, &query, 2, 10, None).is_none());
    let (_directory, bare) = sealed(&matrix, None, &[]);
    assert!(walk_graph(&bare, &query, 1, 10, None).is_none());
}
