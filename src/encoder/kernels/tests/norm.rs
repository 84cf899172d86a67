use super::super::testing::{exact, noise, relative_difference};
use super::super::{Epilogue, PackedMatrix, Rows};
use super::*;

fn reference(input: &[f32], scale: &[f32], shift: &[f32], epsilon: f64) -> Vec<f64> {
    let width = scale.len();
    let mut output = Vec::new();
    for row in exact(input).chunks_exact(width) {
        let mean = row.iter().sum::<f64>() / width as f64;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / width as f64;
        for (value, (scale, shift)) in row.iter().zip(exact(scale).iter().zip(exact(shift))) {
            output.push((value - mean) / (variance + epsilon).sqrt() * scale + shift);
        }
    }
    output
}

#[test]
fn rows_are_normalised() {
    for width in [1, 7, 37, 64, 768] {
        // Far from zero, where a variance of squares would lose its digits.
        let input: Vec<f32> = noise(5 * width, 1).iter().map(|value| value * 3.0 + 100.0).collect();
        let (scale, shift) = (noise(width, 2), noise(width, 3));
        let expected = reference(&input, &scale, &shift, f64::from(1e-5f32));
        let norm = Norm::new(scale, shift, 1e-5).unwrap();
        for kernels in Kernels::available() {
            let mut output = vec![0.0; input.len()];
            norm.apply(kernels, &input, &mut output).unwrap();
            let difference = relative_difference(&output, &expected);
            assert!(difference < 1e-5, "{} {width}: {difference}", kernels.name());
        }
    }
}

#[test]
fn converted_rows_are_the_normalised_ones() {
    let width = 37;
    let (input, weights) = (noise(4 * width, 4), noise(9 * width, 5));
    let norm = Norm::new(noise(width, 6), noise(width, 7), 1e-6).unwrap();
    for kernels in Kernels::available() {
        let matrix = PackedMatrix::pack(kernels, Precision::F32, &weights, (9, width), None).unwrap();
        let (mut normalised, mut apart, mut fused) = (vec![0.0; 4 * width], vec![0.0; 36], vec![0.0; 36]);
        norm.apply(kernels, &input, &mut normalised).unwrap();
        let rows = Rows::plain(&normalised, width).unwrap();
        matrix.multiply(rows, Epilogue::Store, &mut apart).unwrap();
        let mut activations = Activations::default();
        activations.norm(kernels, Precision::F32, &norm, &input).unwrap();
        matrix.multiply(activations.all(), Epilogue::Store, &mut fused).unwrap();
        assert_eq!(fused, apart, "{}", kernels.name());
    }
}

#[test]
fn refuses_what_does_not_fit() {
    assert!(Norm::new(vec![], vec![], 0.0).is_err());
    assert!(Norm::new(vec![1.0; 3], vec![1.0; 2], 0.0).is_err());
    let norm = Norm::new(vec![1.0; 3], vec![1.0; 3], 0.0).unwrap();
    assert!(norm.apply(Kernels::best(), &[0.0; 4], &mut [0.0; 4]).is_err());
    assert!(norm.apply(Kernels::best(), &[0.0; 3], &mut [0.0; 6]).is_err());
}
