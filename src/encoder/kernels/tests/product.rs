use std::collections::BTreeMap;

use super::super::encode::{bf16_bits, widened};
use super::super::testing::{PRECISIONS, activation, exact, noise, product, relative_difference};
use super::super::{Activations, KernelError, Kernels, PackedMatrix, Precision, Rows};
use super::*;

/// Outputs and depth: whole panels of all kernels, and none; depths that are cut into several blocks.
const SHAPES: [(usize, usize); 8] = [
    (64, 64),
    (1, 1),
    (3, 7),
    (17, 33),
    (65, 130),
    (131, 1000),
    (40, 3077),
    (70, 450),
];

/// The numbers that a precision makes of rows, in f64; `most` is the largest magnitude of integers.
fn rounded(precision: Precision, rows: &[f32], depth: usize, most: i32) -> Vec<f64> {
    let most = most as f32;
    let mut result = Vec::new();
    for row in rows.chunks_exact(depth) {
        let largest = row.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        result.extend(row.iter().map(|value| match precision {
            Precision::F32 | Precision::SplitF32 | Precision::FixedF32 => f64::from(*value),
            Precision::Bf16 => f64::from(widened(bf16_bits(*value))),
            Precision::Int8 => f64::from((value * (most / largest)).round_ties_even()) * f64::from(largest / most),
        }));
    }
    result
}

/// The largest magnitude of the whole numbers that these kernels make of a row, in int8.
fn largest(kernels: Kernels, depth: usize) -> i32 {
    let mut activations = Activations::default();
    activations.convert(kernels, Precision::Int8, &[], depth).unwrap();
    activations.all().encoding.unwrap().largest(depth)
}

fn multiplied(kernels: Kernels, precision: Precision, rows: usize, (outputs, depth): (usize, usize)) -> Vec<f32> {
    let (input, weights, bias) = (noise(rows * depth, 1), noise(outputs * depth, 2), noise(outputs, 3));
    let matrix = PackedMatrix::pack(kernels, precision, &weights, (outputs, depth), Some(&bias)).unwrap();
    let mut activations = Activations::default();
    activations.convert(kernels, precision, &input, depth).unwrap();
    let mut output = vec![f32::NAN; rows * outputs];
    matrix
        .multiply(activations.all(), Epilogue::Store, &mut output)
        .unwrap();
    output
}

#[test]
fn products_are_those_of_the_rounded_numbers() {
    for precision in PRECISIONS {
        for (index, (outputs, depth)) in SHAPES.into_iter().enumerate() {
            let rows = [1, 2, 5, 6, 7, 13, 100, 400][index];
            let weights = rounded(precision, &noise(outputs * depth, 2), depth, 127);
            for kernels in Kernels::available() {
                let input = rounded(precision, &noise(rows * depth, 1), depth, largest(kernels, depth));
                let expected = product(&input, &weights, &noise(outputs, 3), depth);
                let got = multiplied(kernels, precision, rows, (outputs, depth));
                let difference = relative_difference(&got, &expected);
                assert!(
                    difference < 2e-6,
                    "{} {precision:?} {outputs}x{depth}: {difference}",
                    kernels.name()
                );
            }
        }
    }
}

#[test]
fn integers_are_the_same_with_all_kernels_of_as_many_bits() {
    for (outputs, depth) in SHAPES {
        let mut first: BTreeMap<i32, Vec<f32>> = BTreeMap::new();
        for kernels in Kernels::available() {
            let got = multiplied(kernels, Precision::Int8, 9, (outputs, depth));
            let expected = first.entry(largest(kernels, depth)).or_insert_with(|| got.clone());
            assert_eq!(&got, expected, "{} {outputs}x{depth}", kernels.name());
        }
    }
}

/// Half a step of the rows and half a step of the weights, at every value of the depth, is the worst.
#[test]
fn integers_are_as_near_as_their_bits() {
    let (rows, outputs, depth) = (9, 65, 1000);
    let (input, weights) = (noise(rows * depth, 1), noise(outputs * depth, 2));
    let exact = product(&exact(&input), &exact(&weights), &noise(outputs, 3), depth);
    for kernels in Kernels::available() {
        let got = multiplied(kernels, Precision::Int8, rows, (outputs, depth));
        let squares = got
            .iter()
            .zip(&exact)
            .map(|(got, exact)| (f64::from(*got) - exact).powi(2));
        let error = (squares.sum::<f64>() / exact.len() as f64).sqrt();
        // Rounding is off by a step over the root of 12, and the other factor by the root of 1/3, as is its mean square.
        let steps = [1.0 / 127.0, 1.0 / f64::from(largest(kernels, depth))];
        let expected = steps
            .map(|step| depth as f64 * step.powi(2) / 36.0)
            .iter()
            .sum::<f64>()
            .sqrt();
        assert!(error < 1.1 * expected, "{}: {error}, {expected}", kernels.name());
    }
}

/// Sums of the largest magnitude at depths beyond which int8 by int8 no longer fits in an i32, and the deepest possible.
#[test]
fn the_deepest_sums_of_integers_do_not_overflow() {
    for depth in [8_260, 8_261, 133_144, 133_145, 1 << 20] {
        for kernels in Kernels::available() {
            for sign in [1.0, -1.0] {
                let weights = vec![sign; depth];
                let matrix = PackedMatrix::pack(kernels, Precision::Int8, &weights, (1, depth), None).unwrap();
                let mut activations = Activations::default();
                let rows = vec![1.0; depth];
                activations.convert(kernels, Precision::Int8, &rows, depth).unwrap();
                let mut sum = [0.0];
                matrix.multiply(activations.all(), Epilogue::Store, &mut sum).unwrap();
                let expected = f64::from(sign) * depth as f64;
                let difference = relative_difference(&sum, &[expected]);
                assert!(difference < 2e-6, "{} {depth}: {sum:?}", kernels.name());
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let shape = (70, 1700);
    for kernels in Kernels::available() {
        for precision in PRECISIONS {
            let all = multiplied(kernels, precision, 200, shape);
            for rows in [1, 2, 3, 4, 5, 6, 7, 11, 50, 199] {
                let some = multiplied(kernels, precision, rows, shape);
                assert_eq!(some, all[..some.len()], "{} {precision:?} {rows} rows", kernels.name());
            }
        }
    }
}

#[test]
fn epilogues_end_as_they_say() {
    let (rows, outputs, depth) = (8, 67, 900);
    let (input, weights, bias) = (noise(rows * depth, 1), noise(outputs * depth, 2), noise(outputs, 3));
    let sums = product(&exact(&input), &exact(&weights), &bias, depth);
    for kernels in Kernels::available() {
        let matrix = PackedMatrix::pack(kernels, Precision::F32, &weights, (outputs, depth), Some(&bias)).unwrap();
        let residual = noise(rows * outputs, 4);
        let mut output = residual.clone();
        let plain = Rows::plain(&input, depth).unwrap();
        matrix.multiply(plain, Epilogue::Accumulate, &mut output).unwrap();
        let expected: Vec<f64> = sums
            .iter()
            .zip(exact(&residual))
            .map(|(sum, residual)| sum + residual)
            .collect();
        assert!(relative_difference(&output, &expected) < 2e-6, "{}", kernels.name());
        // Of sums that are large beside its bounds, relu6 shows more than the sums' own rounding.
        let (mut stored, mut clamped) = (output.clone(), output.clone());
        matrix.multiply(plain, Epilogue::Store, &mut stored).unwrap();
        let relu6 = Epilogue::Activate(Activation::Relu6);
        matrix.multiply(plain, relu6, &mut clamped).unwrap();
        stored.iter_mut().for_each(|sum| *sum = sum.clamp(0.0, 6.0));
        assert_eq!(clamped, stored, "{}", kernels.name());
        for which in [Activation::Gelu, Activation::TanhGelu, Activation::QuickGelu] {
            matrix.multiply(plain, Epilogue::Activate(which), &mut output).unwrap();
            let expected: Vec<f64> = sums.iter().map(|sum| activation(which, *sum)).collect();
            assert!(
                relative_difference(&output, &expected) < 2e-6,
                "{} {which:?}",
                kernels.name()
            );
        }
    }
}

#[test]
fn a_row_gives_the_same_alone_as_among_others() {
    let (outputs, depth, rows) = (32, 30, 40);
    let input = noise(rows * depth, 2);
    for kernels in Kernels::available() {
        for precision in PRECISIONS {
            let matrix = PackedMatrix::pack(
                kernels,
                precision,
                &noise(outputs * depth, 1),
                (outputs, depth),
                Some(&noise(outputs, 3)),
            );
            let matrix = matrix.unwrap();
            for epilogue in [
                Epilogue::Store,
                Epilogue::Accumulate,
                Epilogue::Activate(Activation::Gelu),
            ] {
                let products = |input: &[f32]| {
                    let mut activations = Activations::default();
                    activations.convert(kernels, precision, input, depth).unwrap();
                    let mut output = vec![1.5; input.len() / depth * outputs];
                    matrix.multiply(activations.all(), epilogue, &mut output).unwrap();
                    output
                };
                let alone: Vec<f32> = input.chunks_exact(depth).flat_map(products).collect();
                assert_eq!(products(&input), alone, "{} {precision:?} {epilogue:?}", kernels.name());
            }
        }
    }
}

#[test]
fn zeros_and_nothing_are_multiplied_too() {
    for kernels in Kernels::available() {
        for precision in PRECISIONS {
            let matrix = PackedMatrix::pack(kernels, precision, &[0.0; 15], (3, 5), Some(&[1.0, 2.0, 3.0])).unwrap();
            let mut activations = Activations::default();
            activations.convert(kernels, precision, &[0.0; 10], 5).unwrap();
            let mut output = [0.0; 6];
            matrix
                .multiply(activations.all(), Epilogue::Store, &mut output)
                .unwrap();
            assert_eq!(output, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
            activations.convert(kernels, precision, &[], 5).unwrap();
            matrix.multiply(activations.all(), Epilogue::Store, &mut []).unwrap();
        }
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let kernels = Kernels::best();
    let matrix = PackedMatrix::pack(kernels, Precision::Int8, &[1.0; 6], (2, 3), None).unwrap();
    let plain = Rows::plain(&[1.0; 6], 3).unwrap();
    assert_eq!(
        matrix.multiply(plain, Epilogue::Store, &mut [0.0; 4]),
        Err(KernelError::Encoding)
    );
    assert!(matrix.multiply(plain, Epilogue::Store, &mut [0.0; 5]).is_err());
    let wide = Rows::plain(&[1.0; 4], 4).unwrap();
    assert!(matrix.multiply(wide, Epilogue::Store, &mut [0.0; 2]).is_err());
    assert!(Rows::plain(&[1.0; 5], 3).is_err());
    assert!(PackedMatrix::pack(kernels, Precision::F32, &[1.0; 6], (2, 4), None).is_err());
    assert!(PackedMatrix::pack(kernels, Precision::F32, &[], (2, 0), None).is_err());
    assert!(PackedMatrix::pack(kernels, Precision::F32, &[1.0; 6], (2, 3), Some(&[1.0])).is_err());
}
