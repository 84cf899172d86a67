use super::super::testing::{exact, noise, product, relative_difference, softmax};
use super::*;

#[test]
fn each_sequence_is_pooled_by_itself() {
    let (heads, lengths) = (3, [4, 1, 18]);
    for size in [10, 72] {
        let width = heads * size;
        let (query, input) = (noise(width, 1), noise(23 * 2 * width, 2));
        let rows: Vec<Vec<f64>> = input.chunks_exact(2 * width).map(exact).collect();
        let mut expected = vec![0.0; lengths.len() * width];
        let mut start = 0;
        for (result, length) in expected.chunks_exact_mut(width).zip(lengths) {
            for first in (0..width).step_by(size) {
                let tokens = &rows[start..start + length];
                let keys: Vec<f64> = tokens.iter().flat_map(|row| row[first..][..size].to_vec()).collect();
                let scores = product(&exact(&query[first..][..size]), &keys, &vec![0.0; length], size);
                for (weight, row) in softmax(&scores).into_iter().zip(tokens) {
                    let values = &row[width + first..][..size];
                    result[first..]
                        .iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum += weight * value);
                }
            }
            start += length;
        }
        for kernels in Kernels::available() {
            let attention = ProbeAttention { heads, query: &query };
            let mut output = vec![f32::NAN; lengths.len() * width];
            attention
                .attend(kernels, &input, &lengths, &mut output, &mut Scratch::default())
                .unwrap();
            let difference = relative_difference(&output, &expected);
            assert!(difference < 5e-6, "{} {size}: {difference}", kernels.name());
        }
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let attend = |heads, lengths: &[usize]| {
        let attention = ProbeAttention {
            heads,
            query: &[0.0; 6],
        };
        attention.attend(
            Kernels::best(),
            &[0.0; 48],
            lengths,
            &mut [0.0; 12],
            &mut Scratch::default(),
        )
    };
    assert!(attend(2, &[1, 3]).is_ok());
    assert!(attend(2, &[1, 2]).is_err());
    assert!(attend(4, &[1, 3]).is_err());
    assert!(attend(0, &[1, 3]).is_err());
}
