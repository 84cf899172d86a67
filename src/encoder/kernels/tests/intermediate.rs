use super::super::dot::Encoding;
use super::super::encode::{bf16_bits, widened};
use super::super::storage::numbers;
use super::super::testing::{PRECISIONS, noise};
use super::*;

/// A product whose results become the rows of another gives what one does that is given the results.
#[test]
fn results_are_the_rows_of_the_next_product() {
    // Depths and results that are cut into blocks, and are not; outputs that are whole panels and steps, and are not.
    for (rows, depth, inner) in [(40, 30, 64), (33, 70, 100), (1, 64, 33), (7, 3077, 40), (9, 40, 1700)] {
        let (input, weights, bias) = (noise(rows * depth, 1), noise(inner * depth, 2), noise(inner, 3));
        for kernels in Kernels::available() {
            for precision in PRECISIONS {
                let first = PackedMatrix::pack(kernels, precision, &weights, (inner, depth), Some(&bias)).unwrap();
                let mut activations = Activations::default();
                activations.convert(kernels, precision, &input, depth).unwrap();
                for then in [precision, kernels.attention(precision)] {
                    let second = PackedMatrix::pack(kernels, then, &noise(9 * inner, 4), (9, inner), None).unwrap();
                    for activation in [None, Some(Activation::TanhGelu)] {
                        let mut memory = Intermediate::default();
                        // What was there before is gone.
                        memory.rows.convert(kernels, then, &[f32::NAN; 9000], 100).unwrap();
                        let between = memory
                            .multiply(&first, activations.all(), activation, (kernels, then))
                            .unwrap();
                        let mut got = vec![0.0; rows * 9];
                        second.multiply(between, Epilogue::Store, &mut got).unwrap();

                        let mut results = vec![0.0; rows * inner];
                        let epilogue = activation.map_or(Epilogue::Store, Epilogue::Activate);
                        first.multiply(activations.all(), epilogue, &mut results).unwrap();
                        let mut converted = Activations::default();
                        converted.convert(kernels, then, &results, inner).unwrap();
                        let mut expected = vec![0.0; rows * 9];
                        second
                            .multiply(converted.all(), Epilogue::Store, &mut expected)
                            .unwrap();
                        assert_eq!(got, expected, "{} {precision:?} {rows}x{depth}x{inner}", kernels.name());
                    }
                }
            }
        }
    }
}

#[test]
fn numbers_are_rounded_to_the_nearest() {
    for kernels in Kernels::available().into_iter().filter(|kernels| kernels.has_bf16()) {
        let weights = noise(50 * 40, 1);
        let matrix = PackedMatrix::pack(kernels, Precision::Bf16, &weights, (50, 40), None).unwrap();
        let mut input = Activations::default();
        input.convert(kernels, Precision::Bf16, &noise(20 * 40, 2), 40).unwrap();
        let mut plain = vec![0.0; 20 * 50];
        matrix.multiply(input.all(), Epilogue::Store, &mut plain).unwrap();
        assert!(matrix.gives(Encoding::Bf16));
        let mut memory = Intermediate::default();
        let rows = memory
            .multiply(&matrix, input.all(), None, (kernels, Precision::Bf16))
            .unwrap();
        for (row, expected) in plain.chunks_exact(50).enumerate() {
            let values = numbers::<u16>(rows.values);
            let got = (0..50).map(|column| widened(values[rows.arrangement.place(row, column)]));
            let got: Vec<f32> = got.collect();
            let expected: Vec<f32> = expected.iter().map(|value| widened(bf16_bits(*value))).collect();
            assert_eq!(got, expected, "{}", kernels.name());
        }
    }
}
