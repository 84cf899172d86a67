//! Reproducible values for the tests of the kernels.

use super::Precision;

pub(super) const PRECISIONS: [Precision; 5] = [
    Precision::F32,
    Precision::Bf16,
    Precision::Int8,
    Precision::SplitF32,
    Precision::FixedF32,
];

/// `count` values between -1 and 1 from a linear congruential generator (Knuth's MMIX constants).
pub(crate) fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Largest difference of two slices of equal length, relative to the largest expected magnitude.
pub(super) fn relative_difference(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let differences = got.iter().zip(expected).map(|(got, expected)| {
        let difference = (f64::from(*got) - expected).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    differences.fold(0.0, f64::max) / largest.max(f64::MIN_POSITIVE)
}

/// `input * weights^T + bias` in f64: `[rows, depth]` by `[outputs, depth]`.
pub(super) fn product(input: &[f64], weights: &[f64], bias: &[f32], depth: usize) -> Vec<f64> {
    let mut output = Vec::new();
    for row in input.chunks_exact(depth) {
        for (weights, bias) in weights.chunks_exact(depth).zip(bias) {
            let sum: f64 = row.iter().zip(weights).map(|(value, weight)| value * weight).sum();
            output.push(sum + f64::from(*bias));
        }
    }
    output
}

/// The values in f64.
pub(super) fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Softmax in f64.
pub(super) fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// What an activation is defined as.
pub(super) fn activation(which: super::Activation, x: f64) -> f64 {
    match which {
        super::Activation::Gelu => 0.5 * x * (1.0 + error_function(x / 2f64.sqrt())),
        super::Activation::TanhGelu => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
        }
        super::Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        super::Activation::Relu6 => x.clamp(0.0, 6.0),
    }
}

/// The error function by a series without changes of sign, which would cost digits (Abramowitz and Stegun, 7.1.6).
fn error_function(x: f64) -> f64 {
    if x.abs() > 5.5 {
        return x.signum();
    }
    let mut term = x * (-x * x).exp();
    let mut sum = term;
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}
