//! Building, mending and walking graphs.

use half::f16;

use super::score::Scorer;
use super::*;
use crate::error::IndexError;
use crate::kernel::dot_f16_f32;
use crate::matrix::Matrix;
use crate::search::top::Scored;
use crate::segment::format::NONE;
use crate::testing::{unit, unit_rows};

const DIM: usize = 16;

fn matrix(rows: usize, seed: u64) -> Matrix {
    unit_rows(rows, DIM, 0.0, seed)
}

/// Scores by vectors.
struct ByVectors<'a> {
    vectors: &'a [f16],
    query: &'a [f32],
}

impl Scorer for ByVectors<'_> {
    fn score(&mut self, rows: &mut Vec<u32>, scores: &mut Vec<f32>, _: f32) {
        let score = |row: &u32| {
            let start = *row as usize * self.query.len();
            let vector = self.vectors.get(start..start + self.query.len());
            dot_f16_f32(vector.unwrap_or_default(), self.query)
        };
        scores.clear();
        scores.extend(rows.iter().map(score));
    }
}

/// The up to `ef` best rows that the graph leads to and `admits` accepts, best first, by the vectors themselves.
fn search(
    graph: &GraphView<'_>,
    vectors: &[f16],
    query: &[f32],
    ef: usize,
    admits: impl Fn(u32) -> bool,
) -> Vec<Scored<u32>> {
    let mut walker = Walker::default();
    let mut scorer = ByVectors { vectors, query };
    walker.begin(vectors.len() / query.len().max(1), ef);
    walker.descend(graph, &mut scorer);
    assert!(
        walker.walk_admitted(graph, &mut scorer, usize::MAX, admits),
        "nothing to give up for"
    );
    walker.pool().iter().collect()
}

fn options<'a>() -> BuildOptions<'a> {
    BuildOptions {
        training: None,
        progress: &|_, _| (),
        cancelled: &|| false,
    }
}

fn build(matrix: &Matrix) -> Graph {
    let built = super::build(matrix, &options()).unwrap();
    assert_eq!(built.unreached, 0);
    built.graph
}

fn query(matrix: &Matrix, row: usize) -> Vec<f32> {
    matrix.vectors[row * DIM..(row + 1) * DIM]
        .iter()
        .map(|x| x.to_f32())
        .collect()
}

#[test]
fn a_walk_that_meets_few_admitted_rows_gives_up() {
    let matrix = unit_rows(2_000, DIM, 1.0, 9);
    let graph = build(&matrix);
    let query = query(&matrix, 7);
    let mut scorer = ByVectors {
        vectors: &matrix.vectors,
        query: &query,
    };
    let mut walker = Walker::default();
    let mut walk = |most, step| {
        walker.begin(2_000, 50);
        walker.descend(&graph.view(), &mut scorer);
        walker.walk_admitted(&graph.view(), &mut scorer, most, |row| row % step == 0)
    };
    assert!(walk(2_000, 1) && walk(2_000, 2));
    assert!(
        !walk(1_000, 100),
        "20 are admitted, which all others would be scored for"
    );
    assert!(!walk(10, 1), "more are scored than would be by a scan");
}

#[test]
fn a_built_graph_reaches_every_row_and_names_only_rows() {
    let matrix = matrix(1500, 1);
    let graph = build(&matrix);
    assert_eq!(graph.level0.len(), 1500 * graph.stride);
    assert!(graph.level0.iter().all(|row| *row < 1500 || *row == NONE));
    assert!(!graph.upper.is_empty());
    for level in &graph.upper {
        assert!(level.nodes.is_sorted_by(|a, b| a < b));
        assert_eq!(level.neighbours.len(), level.nodes.len() * graph.upper_stride);
        assert!(level.neighbours.iter().all(|row| *row < 1500 || *row == NONE));
    }
    let all = search(&graph.view(), &matrix.vectors, &query(&matrix, 0), 1500, |_| true);
    assert_eq!(all.len(), 1500);
}

#[test]
fn graphs_of_one_and_two_rows() {
    for rows in [1, 2] {
        let matrix = matrix(rows, 2);
        let graph = build(&matrix);
        let found = search(&graph.view(), &matrix.vectors, &query(&matrix, rows - 1), 5, |_| true);
        assert_eq!(found.len(), rows);
        assert_eq!(found[0].id as usize, rows - 1);
    }
}

#[test]
fn only_admitted_rows_are_found_and_the_walk_passes_through_the_others() {
    let matrix = matrix(1500, 3);
    let graph = build(&matrix);
    for row in 0..50 {
        let query = query(&matrix, row);
        let found = search(&graph.view(), &matrix.vectors, &query, 64, |row| row % 5 == 1);
        assert_eq!(found.len(), 64);
        assert!(found.iter().all(|hit| hit.id % 5 == 1));
        assert!(found.is_sorted_by(|a, b| a >= b));
        let best = search(&graph.view(), &matrix.vectors, &query, 1500, |row| row % 5 == 1);
        assert_eq!(best.len(), 300);
        let common = found[..10].iter().filter(|hit| best[..10].contains(hit)).count();
        assert!(common >= 9, "{common} of 10");
    }
}

#[test]
fn a_damaged_graph_is_walked_as_far_as_it_goes() {
    let matrix = matrix(200, 6);
    let good = build(&matrix);
    for damage in [200, 1 << 20, NONE, NONE - 1] {
        let mut bad = good.clone();
        bad.level0.iter_mut().step_by(3).for_each(|row| *row = damage);
        bad.upper.iter_mut().for_each(|level| level.neighbours.fill(damage));
        let found = search(&bad.view(), &matrix.vectors, &query(&matrix, 0), 50, |_| true);
        assert!(found.iter().all(|hit| hit.id < 200));
        bad.level0.truncate(7);
        search(&bad.view(), &matrix.vectors, &query(&matrix, 0), 50, |_| true);
        bad.entry = damage;
        assert!(search(&bad.view(), &matrix.vectors, &query(&matrix, 0), 50, |_| true).is_empty());
    }
}

#[test]
fn copies_of_one_vector_are_all_reached() {
    let mut matrix = matrix(600, 7);
    let copied = matrix.vectors[..DIM].to_vec();
    for row in 0..300 {
        matrix.vectors[2 * row * DIM..][..DIM].copy_from_slice(&copied);
    }
    let graph = build(&matrix);
    let found = search(&graph.view(), &matrix.vectors, &query(&matrix, 1), 600, |_| true);
    assert_eq!(found.len(), 600);
}

#[test]
fn training_queries_make_rows_near_to_such_queries_easier_to_find() {
    // Of so many dimensions that a graph alone misses much.
    let matrix = unit_rows(1500, 64, 0.0, 8);
    let vector = |row: usize| matrix.vectors[row * 64..(row + 1) * 64].iter().map(|x| x.to_f32());
    // Halfway between rows that have nothing to do with one another.
    let between = |row: usize| unit(vector(row).zip(vector(row + 700)).map(|(a, b)| a + b).collect());
    let queries: Vec<Vec<f32>> = (0..400).map(between).collect();
    let training = queries.concat();
    let trained = BuildOptions {
        training: Some(&training),
        ..options()
    };
    let [plain, bridged] = [options(), trained].map(|options| super::build(&matrix, &options).unwrap().graph);
    let recall = |graph: &Graph| {
        let found = queries.iter().map(|query| {
            let found = search(&graph.view(), &matrix.vectors, query, 10, |_| true);
            let truth = search(&graph.view(), &matrix.vectors, query, 1500, |_| true);
            found.iter().filter(|hit| truth[..10].contains(hit)).count()
        });
        found.sum::<usize>()
    };
    let (plain, bridged) = (recall(&plain), recall(&bridged));
    assert!(bridged > plain, "{bridged} of 4,000 with training, {plain} without");
}

#[test]
fn building_says_how_far_it_is_and_ends_when_it_is_cancelled() {
    let matrix = matrix(1000, 9);
    let training = query(&matrix, 0).repeat(200);
    let most = std::sync::atomic::AtomicU64::new(0);
    let watched = BuildOptions {
        training: Some(&training),
        progress: &|done, of| {
            assert_eq!(of, 1200);
            most.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
        },
        ..options()
    };
    super::build(&matrix, &watched).unwrap();
    assert_eq!(most.into_inner(), 1200);
    for after in [0, 1, 5, 17] {
        let asked = std::sync::atomic::AtomicU64::new(0);
        let cancelled = BuildOptions {
            training: Some(&training),
            cancelled: &|| asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= after,
            ..options()
        };
        let outcome = super::build(&matrix, &cancelled);
        assert!(matches!(outcome, Err(IndexError::Cancelled)), "after {after}");
    }
}

#[test]
fn damaged_vectors_never_reach_the_builder() {
    for damage in [f16::NAN, f16::INFINITY, f16::ZERO, f16::from_f32(3.0)] {
        let mut matrix = matrix(100, 10);
        matrix.vectors[17 * DIM..18 * DIM].fill(damage);
        let error = super::build(&matrix, &options()).err().unwrap();
        assert!(error.to_string().contains("item 35 "), "{error}");
    }
}

#[test]
fn training_vectors_that_are_none_are_left_out() {
    let matrix = matrix(300, 11);
    let training = [vec![f32::NAN; DIM], vec![0.0; DIM], vec![f32::MAX; DIM], vec![0.5; 3]].concat();
    let options = BuildOptions {
        training: Some(&training),
        ..options()
    };
    assert_eq!(super::build(&matrix, &options).unwrap().unreached, 0);
}
