use std::f64::consts::{PI, SQRT_2};

/// The order in which a block's 64 coefficients are stored: row times 8 plus column (ITU-T T.81, figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// What one unit of each stored coefficient adds to each sample of a block that is reduced to `rows` x `columns` samples
/// (1, 2, 4 or 8 each): 64 rows, in stored order, of `rows * columns` values.
///
/// A sample is the mean of the samples of the full block that it stands for, so that reduction is exactly a box filter
/// over the full decoding (before that is rounded and cut to its range). `quantization` is in stored order too.
pub(super) fn weights(quantization: &[u16; 64], rows: usize, columns: usize) -> Vec<f32> {
    let (vertical, horizontal) = (means(rows), means(columns));
    let mut weights = Vec::with_capacity(64 * rows * columns);
    for (&place, &step) in ZIGZAG.iter().zip(quantization) {
        let (down, across) = (&vertical[place / 8], &horizontal[place % 8]);
        for row in &down[..rows] {
            weights.extend(
                across[..columns]
                    .iter()
                    .map(|column| (f64::from(step) * row * column) as f32),
            );
        }
    }
    weights
}

/// For each of 8 frequencies: the means of its basis function over `count` equal parts of 8 samples.
fn means(count: usize) -> [[f64; 8]; 8] {
    let part = 8 / count;
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 { 0.5 / SQRT_2 } else { 0.5 };
        let basis = |sample: usize| scale * ((2 * sample + 1) as f64 * frequency as f64 * PI / 16.0).cos();
        std::array::from_fn(|at| {
            if at < count {
                (at * part..(at + 1) * part).map(basis).sum::<f64>() / part as f64
            } else {
                0.0
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reduction_is_the_mean_of_the_full_block() {
        let quantization: [u16; 64] = std::array::from_fn(|k| 1 + k as u16);
        let full = weights(&quantization, 8, 8);
        for (rows, columns) in [(1, 1), (2, 2), (4, 4), (2, 4), (8, 4), (1, 2)] {
            let reduced = weights(&quantization, rows, columns);
            let (tall, wide) = (8 / rows, 8 / columns);
            for (k, reduced) in reduced.chunks(rows * columns).enumerate() {
                for (at, &value) in reduced.iter().enumerate() {
                    let (row, column) = (at / columns * tall, at % columns * wide);
                    let samples = (0..tall * wide)
                        .map(|sample| full[64 * k + 8 * (row + sample / wide) + column + sample % wide])
                        .sum::<f32>();
                    assert!(
                        (value - samples / (tall * wide) as f32).abs() < 1e-4,
                        "{rows} x {columns}, {k}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_coefficient_is_eight_times_the_mean() {
        let quantization = [16; 64];
        assert!((weights(&quantization, 1, 1)[0] - 2.0).abs() < 1e-6);
    }
}
