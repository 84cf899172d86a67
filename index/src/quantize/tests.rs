//! Codes against the vectors that they stand for.

use half::f16;
use proptest::prelude::*;

use super::*;
use crate::kernel::{dot_f16_f16, dot_f16_f32};
use crate::matrix::Matrix;
use crate::testing::{Noise, unit, unit_rows};

/// Every row's score by codes, listed and in order.
fn scores(codes: &CodesView<'_>, query: &[f32]) -> Vec<f32> {
    let mut prepared = PreparedQuery::default();
    prepared.prepare(codes, query);
    let rows: Vec<u32> = (0..codes.rows() as u32).collect();
    let mut listed = Vec::new();
    prepared.score_listed(codes, &rows, &mut listed);
    let mut in_order = vec![0.0; codes.rows()];
    prepared.score_in_order(codes, 0, &mut in_order);
    assert_eq!(listed, in_order);
    let mut from_three = vec![0.0; codes.rows().saturating_sub(3)];
    prepared.score_in_order(codes, 3, &mut from_three);
    assert_eq!(from_three, listed[codes.rows().min(3)..]);
    listed
}

proptest! {
    #[test]
    fn no_score_is_further_off_than_promised(
        rows in 1usize..300, dim in 1usize..200, common in 0.0f32..5.0, seed: u64, peak in 0.0f32..30.0,
    ) {
        let matrix = unit_rows(rows, dim, common, seed);
        let codes = Codes::new(&matrix).unwrap();
        let view = codes.view();
        let mut query = Noise::new(!seed).values(dim);
        query[0] += peak;
        let query = unit(query);
        let mut prepared = PreparedQuery::default();
        prepared.prepare(&view, &query);
        let (width, slack) = (prepared.width(&view), prepared.slack(&view));
        let given = scores(&view, &query);
        for ((vector, score), scale) in matrix.vectors.chunks(dim).zip(given).zip(view.scales) {
            let off = (dot_f16_f32(vector, &query) - score).abs();
            prop_assert!(off <= width * scale + slack, "{off} > {width} * {scale}");
        }
    }
}

#[test]
fn scores_of_a_common_size_are_within_a_thousandth() {
    let matrix = unit_rows(500, 512, 2.0, 1);
    let codes = Codes::new(&matrix).unwrap();
    let view = codes.view();
    let query = unit(Noise::new(2).values(512));
    for (vector, score) in matrix.vectors.chunks(512).zip(scores(&view, &query)) {
        assert!((dot_f16_f32(vector, &query) - score).abs() < 1e-3);
    }
    for (a, b) in [(0, 1), (7, 7), (499, 3)] {
        let truth = dot_f16_f16(
            &matrix.vectors[a * 512..(a + 1) * 512],
            &matrix.vectors[b * 512..(b + 1) * 512],
        );
        let off = (codes.similarity(a as u32, b as u32) - truth).abs();
        assert!(off < 2e-3, "{off}");
    }
}

#[test]
fn degenerate_matrices() {
    let none = Matrix {
        dim: 5,
        ..Matrix::default()
    };
    let codes = Codes::new(&none).unwrap();
    assert_eq!(codes.view().rows(), 0);
    assert_eq!(codes.view().codes.len(), 0);
    assert_eq!(codes.similarity(0, 1), 0.0);
    // Equal rows leave nothing beside the mean.
    let one = f16::from_f32(1.0);
    let equal = Matrix {
        ids: vec![0, 1],
        vectors: vec![one, f16::ZERO, one, f16::ZERO],
        dim: 2,
    };
    let codes = Codes::new(&equal).unwrap();
    assert_eq!(scores(&codes.view(), &[0.6, 0.8]), [0.6, 0.6]);
    assert_eq!(codes.similarity(0, 1), 1.0);
    let broken = Matrix {
        ids: vec![0, 1, 2],
        vectors: vec![f16::NAN, f16::ZERO, f16::INFINITY, f16::ZERO, one, f16::ZERO],
        dim: 2,
    };
    let codes = Codes::new(&broken).unwrap();
    assert!(
        scores(&codes.view(), &[0.6, 0.8])[2] > 0.59,
        "the others are as they were"
    );
}

#[test]
fn rows_and_queries_that_are_not_as_they_should_be() {
    let codes = Codes::new(&unit_rows(10, 8, 0.0, 3)).unwrap();
    let mut prepared = PreparedQuery::default();
    prepared.prepare(&codes.view(), &[0.0; 8]);
    let mut scores = Vec::new();
    prepared.score_listed(&codes.view(), &[3, 10, u32::MAX], &mut scores);
    assert_eq!(scores, [0.0; 3]);
    prepared.score_in_order(&codes.view(), 100, &mut [0.0; 300]);
    assert!(codes.view().row(9).is_some());
    assert!(codes.view().row(10).is_none() && codes.view().row(u32::MAX).is_none());
}

#[test]
fn rounding_is_to_the_nearest() {
    for (value, nearest) in [
        (0.4, 0),
        (0.6, 1),
        (-0.6, -1),
        (-0.4, 0),
        (32767.0, 32767),
        (-32766.7, -32767),
    ] {
        assert_eq!(rounded(value), nearest);
    }
}
