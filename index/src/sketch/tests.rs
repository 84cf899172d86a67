//! What sketches tell of scores.

use std::collections::HashSet;

use super::*;
use crate::testing::{Noise, unit, unit_rows};

const DIM: usize = 300;
/// Vectors that vary along the axes, along each a little less than along the one before.
struct World(Noise);

impl World {
    fn new() -> Self {
        Self(Noise::new(1))
    }

    /// A vector with a random part of each axis, as large as `strength` says.
    fn vector(&mut self, strength: impl Fn(usize) -> f32) -> Vec<f32> {
        let parts = self.0.values(DIM).into_iter().enumerate();
        let mut vector: Vec<f32> = parts.map(|(axis, part)| part * strength(axis)).collect();
        vector[0] += 1.0;
        unit(vector)
    }

    fn row(&mut self) -> Vec<f32> {
        self.vector(|axis| (-(axis as f32) / 50.0).exp())
    }

    /// A query that looks along axes on which rows vary little.
    fn other(&mut self) -> Vec<f32> {
        self.vector(|axis| if axis < 100 { 0.05 } else { 1.0 })
    }

    fn matrix(&mut self, rows: usize) -> Matrix {
        Matrix {
            ids: (0..rows as u64).collect(),
            vectors: (0..rows).flat_map(|_| self.row()).map(f16::from_f32).collect(),
            dim: DIM,
        }
    }
}

/// The rows with the best `most` numbers.
fn best(scores: &[f32], most: usize) -> HashSet<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order.into_iter().take(most).collect()
}

/// The share of the ten true nearest among the thirty nearest by sketches.
fn found(matrix: &Matrix, sketches: &Sketches, queries: &[Vec<f32>]) -> f32 {
    let rows: Vec<u32> = (0..matrix.ids.len() as u32).collect();
    let (mut sketched, mut scores) = (SketchedQuery::default(), Vec::new());
    let mut hits = 0;
    for query in queries {
        sketched.prepare(&sketches.view(), query);
        sketched.score_listed(&sketches.view(), &rows, &mut scores);
        let exact: Vec<f32> = matrix
            .vectors
            .chunks(DIM)
            .map(|row| crate::kernel::dot_f16_f32(row, query))
            .collect();
        hits += best(&scores, 30).intersection(&best(&exact, 10)).count();
    }
    hits as f32 / (10 * queries.len()) as f32
}

#[test]
fn the_nearest_by_scores_are_near_by_sketches() {
    let mut world = World::new();
    let matrix = world.matrix(3000);
    let like_rows: Vec<_> = (0..40).map(|_| world.row()).collect();
    let others: Vec<_> = (0..40).map(|_| world.other()).collect();
    let training: Vec<f32> = (0..500).flat_map(|_| world.other()).collect();
    let untrained = Sketches::new(&matrix, &[]).unwrap().unwrap();
    let trained = Sketches::new(&matrix, &training).unwrap().unwrap();
    assert!(found(&matrix, &untrained, &like_rows) > 0.98);
    assert!(found(&matrix, &trained, &like_rows) > 0.98);
    let (without, with) = (found(&matrix, &untrained, &others), found(&matrix, &trained, &others));
    assert!(with > 0.7 && with > without + 0.1, "{with} {without}");
}

#[test]
fn sketches_lead_alone_for_the_queries_that_they_were_learnt_for_and_tell_enough_of() {
    let mut world = World::new();
    let matrix = world.matrix(3000);
    let like_rows: Vec<f32> = (0..500).flat_map(|_| world.row()).collect();
    let others: Vec<f32> = (0..500).flat_map(|_| world.other()).collect();
    let lead = |training| {
        let sketches = Sketches::new(&matrix, training).unwrap().unwrap();
        (sketches.view().lead, sketches.lead())
    };
    assert_eq!(lead(&like_rows), (Lead::Alone, Lead::Alone));
    assert_eq!(lead(&others), (Lead::Sifting, Lead::Sifting));
    assert_eq!(lead(&[]), (Lead::Alone, Lead::Sifting), "other queries are not known");
}

#[test]
fn sketches_do_not_depend_on_the_number_of_threads() {
    let matrix = World::new().matrix(2500);
    let drawn = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let sketches = pool.install(|| Sketches::new(&matrix, &[])).unwrap().unwrap();
        (sketches.view().sketches.to_vec(), sketches.view().queries.to_vec())
    };
    assert_eq!(drawn(1), drawn(3));
}

#[test]
fn there_are_none_of_short_vectors() {
    assert!(
        Sketches::new(&unit_rows(50, LEAST_DIM - 1, 0.0, 1), &[])
            .unwrap()
            .is_none()
    );
    assert!(Sketches::new(&unit_rows(50, LEAST_DIM, 0.0, 1), &[]).unwrap().is_some());
}

#[test]
fn degenerate_matrices() {
    let alike = unit_rows(1, DIM, 0.0, 1);
    let alike = Matrix {
        ids: vec![1, 2, 3],
        vectors: alike.vectors.repeat(3),
        dim: DIM,
    };
    for (matrix, rows) in [
        (alike, 3),
        (unit_rows(0, DIM, 0.0, 1), 0),
        (unit_rows(1, DIM, 0.0, 1), 1),
    ] {
        let Some(sketches) = Sketches::new(&matrix, &[]).unwrap() else {
            continue;
        };
        assert_eq!(sketches.view().sketches.len(), rows);
    }
    let mut broken = unit_rows(20, DIM, 0.0, 1);
    broken.vectors[7] = f16::NAN;
    assert!(Sketches::new(&broken, &[]).unwrap().is_none());
}

#[test]
fn what_is_not_there_is_scored_as_nothing() {
    let sketches = Sketches::new(&unit_rows(20, DIM, 0.0, 1), &[]).unwrap().unwrap();
    let view = sketches.view();
    let short = SketchesView {
        queries: &view.queries[..5 * DIM + 7],
        sketches: &view.sketches[..1],
        ..view
    };
    let query = unit(Noise::new(2).values(DIM));
    let (mut sketched, mut scores) = (SketchedQuery::default(), Vec::new());
    for sketches in [short, SketchesView { dim: 0, ..short }] {
        sketched.prepare(&sketches, &query);
        sketched.score_listed(&sketches, &[1, 19, u32::MAX], &mut scores);
        assert_eq!(scores, [f32::NEG_INFINITY; 3]);
    }
}

#[test]
fn a_query_of_zeros_tells_nothing() {
    let sketches = Sketches::new(&unit_rows(20, DIM, 0.0, 1), &[]).unwrap().unwrap();
    let (mut sketched, mut scores) = (SketchedQuery::default(), Vec::new());
    for query in [[0.0; DIM], [f32::NAN; DIM]] {
        sketched.prepare(&sketches.view(), &query);
        sketched.score_listed(&sketches.view(), &[1, 19], &mut scores);
        assert_eq!(scores, [0.0; 2]);
    }
}
