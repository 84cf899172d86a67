use super::testing::noise;
use super::{Activations, Epilogue, Kernels, PackedMatrix, Precision};

/// What these kernels keep of `weights`, one output after another: products with rows of one 1, of which there are few or many.
fn kept(kernels: Kernels, weights: &[f32], depth: usize, rows: usize) -> Vec<f32> {
    let outputs = weights.len() / depth;
    let matrix = PackedMatrix::pack(kernels, Precision::FixedF32, weights, (outputs, depth), None).unwrap();
    let mut activations = Activations::default();
    let mut kept = vec![0.0; weights.len()];
    for first in (0..depth).step_by(rows) {
        let places = first..depth.min(first + rows);
        let mut ones = vec![0.0; places.len() * depth];
        (0..places.len()).for_each(|row| ones[row * depth + first + row] = 1.0);
        activations.convert(kernels, Precision::FixedF32, &ones, depth).unwrap();
        let mut products = vec![0.0; places.len() * outputs];
        matrix
            .multiply(activations.all(), Epilogue::Store, &mut products)
            .unwrap();
        for (place, products) in places.zip(products.chunks_exact(outputs)) {
            (0..outputs).for_each(|output| kept[output * depth + place] = products[output]);
        }
    }
    kept
}

#[test]
fn weights_of_24_bits_are_off_by_half_a_unit_at_most() {
    let (outputs, depth) = (70, 300);
    let mut weights = noise(outputs * depth, 1);
    for (output, row) in weights.chunks_exact_mut(depth).enumerate() {
        let scale = 2f32.powi(output as i32 - 35);
        row.iter_mut().for_each(|weight| *weight *= scale);
        // The largest is just below a power of two, or just that.
        row[7] = scale
            * if output % 2 == 0 {
                1.0 - f32::EPSILON / 2.0
            } else {
                -1.0
            };
    }
    for kernels in Kernels::available() {
        for rows in [5, 100] {
            let kept = kept(kernels, &weights, depth, rows);
            for (output, (kept, row)) in kept.chunks_exact(depth).zip(weights.chunks_exact(depth)).enumerate() {
                let above = output as i32 - 35 + i32::from(output % 2 == 1);
                let half_a_unit = 2f64.powi(above.max(-32) - 24);
                for (kept, weight) in kept.iter().zip(row) {
                    let error = (f64::from(*kept) - f64::from(*weight)).abs();
                    assert!(error <= half_a_unit, "{}: {weight} became {kept}", kernels.name());
                }
            }
        }
    }
}

#[test]
fn an_output_whose_weights_are_no_numbers_gives_none_and_zeros_stay() {
    let depth = 40;
    for kernels in Kernels::available() {
        for rows in [1, 30] {
            for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut weights = vec![0.0; 3 * depth];
                weights[depth + 3] = strange;
                weights[2 * depth..].fill(0.25);
                let kept = kept(kernels, &weights, depth, rows);
                assert!(kept[..depth].iter().all(|weight| *weight == 0.0));
                assert!(kept[depth..2 * depth].iter().all(|weight| weight.is_nan()));
                assert!(kept[2 * depth..].iter().all(|weight| *weight == 0.25));
            }
        }
    }
}
