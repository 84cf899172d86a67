//! Building, mending and walking graphs.

use half::f16;

use super::*;
use crate::matrix::Matrix;
use crate::segment::format::NONE;
use crate::testing::Noise;

const DIM: usize = 16;

fn matrix(rows: usize, seed: u64) -> Matrix {
    let mut noise = Noise::new(seed);
    let mut vectors = Vec::new();
    for _ in 0..rows {
        let values = noise.values(DIM);
        let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
        vectors.extend(values.iter().map(|x| f16::from_f32(x / norm)));
    }
    Matrix {
        ids: (0..rows as u64).collect(),
        vectors,
        dim: DIM,
    }
}

fn build(matrix: &Matrix) -> crate::error::Result<(Graph, u64)> {
    let options = BuildOptions {
        training: None,
        progress: &|_, _| (),
        cancelled: &|| false,
    };
    super::build(matrix, &options).map(|built| (built.graph, built.unreached))
}

fn query(matrix: &Matrix, row: usize) -> Vec<f32> {
    matrix.vectors[row * DIM..(row + 1) * DIM]
        .iter()
        .map(|x| x.to_f32())
        .collect()
}

/// A chain 0 -> 1 -> … with one neighbour a row, and no upper level.
fn chain(rows: u32, stride: usize) -> Graph {
    let mut level0 = vec![NONE; rows as usize * stride];
    for row in 0..rows - 1 {
        level0[row as usize * stride] = row + 1;
    }
    Graph {
        entry: 0,
        stride,
        level0,
        upper_stride: 1,
        upper: Vec::new(),
    }
}

#[test]
fn a_built_graph_reaches_every_row_and_names_only_rows() {
    let matrix = matrix(1500, 1);
    let (graph, unreached) = build(&matrix).unwrap();
    assert_eq!(unreached, 0);
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
        let (graph, unreached) = build(&matrix).unwrap();
        assert_eq!(unreached, 0);
        let found = search(&graph.view(), &matrix.vectors, &query(&matrix, rows - 1), 5, |_| true);
        assert_eq!(found.len(), rows);
        assert_eq!(found[0].id as usize, rows - 1);
    }
}

#[test]
fn only_admitted_rows_are_found_and_the_walk_passes_through_the_others() {
    let matrix = matrix(1500, 3);
    let (graph, _) = build(&matrix).unwrap();
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
fn rows_that_nothing_points_at_are_linked() {
    let matrix = matrix(40, 4);
    // Rows 30 to 39 point at the chain, and nothing points at them.
    let mut graph = chain(30, 2);
    for row in 30..40u32 {
        graph.level0.extend([row - 30, NONE]);
    }
    assert_eq!(repair::link_unreached(&mut graph, &matrix), 0);
    let found = search(&graph.view(), &matrix.vectors, &query(&matrix, 35), 40, |_| true);
    assert_eq!(found.len(), 40);
}

#[test]
fn a_row_without_any_edge_is_linked() {
    let matrix = matrix(10, 5);
    let mut graph = chain(10, 2);
    graph.level0[8 * 2] = NONE;
    assert_eq!(repair::link_unreached(&mut graph, &matrix), 0);
    assert!(graph.level0.contains(&9));
}

#[test]
fn only_edges_that_no_walk_needs_are_replaced() {
    let matrix = matrix(10, 5);
    // A ring of 0 to 8 with every place taken: the edge back to the entry alone can go.
    let mut graph = chain(10, 1);
    graph.level0[8] = 0;
    assert_eq!(repair::link_unreached(&mut graph, &matrix), 0);
    assert_eq!(graph.level0[..9], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_damaged_graph_is_walked_as_far_as_it_goes() {
    let matrix = matrix(200, 6);
    let (good, _) = build(&matrix).unwrap();
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
