use std::f64::consts::{PI, SQRT_2};

/// The order in which a block's 64 coefficients are stored: row times 8 plus column (ITU-T T.81, figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// What one unit of each stored coefficient adds to each sample of a block that is reduced to `rows` x `columns` samples
/// (1, 2, 4 or 8 each): as many rows as there are coefficients that add anything, in stored order, of `rows * columns`
/// values.
///
/// A block's low frequencies, as many as it keeps samples, are sampled at the places that it keeps, and the others are left
/// out: after resizing to half of that or less this is nearer to the whole image, resized, than the mean of the pixels is.
/// `quantization` is in stored order too.
pub(super) fn weights(quantization: &[u16; 64], rows: usize, columns: usize) -> Vec<f32> {
    let (vertical, horizontal) = (basis(rows), basis(columns));
    let kept = |place: &usize| place / 8 < rows && place % 8 < columns;
    let count = ZIGZAG.iter().rposition(kept).map_or(0, |last| last + 1);
    let mut weights = Vec::with_capacity(count * rows * columns);
    for (&place, &step) in ZIGZAG.iter().zip(quantization).take(count) {
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

/// For each of 8 frequencies: its basis function at the middles of `count` equal parts of a block's side, or 0 where that
/// many parts cannot show it.
fn basis(count: usize) -> [[f64; 8]; 8] {
    std::array::from_fn(|frequency| {
        let scale = match frequency {
            0 => 0.5 / SQRT_2,
            _ if frequency < count => 0.5,
            _ => 0.0,
        };
        std::array::from_fn(|at| scale * ((2 * at + 1) as f64 * frequency as f64 * PI / (2 * count) as f64).cos())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block's coefficients in stored order (ITU-T T.81, A.3.3).
    fn transform(block: impl Fn(usize, usize) -> f64) -> [f64; 64] {
        let full = basis(8);
        ZIGZAG.map(|place| {
            let (down, across) = (full[place / 8], full[place % 8]);
            (0..64)
                .map(|at| block(at / 8, at % 8) * down[at / 8] * across[at % 8])
                .sum()
        })
    }

    fn reduce(coefficients: &[f64; 64], rows: usize, columns: usize) -> Vec<f64> {
        let mut samples = vec![0.0; rows * columns];
        for (value, weights) in coefficients
            .iter()
            .zip(weights(&[1; 64], rows, columns).chunks(rows * columns))
        {
            samples
                .iter_mut()
                .zip(weights)
                .for_each(|(sample, weight)| *sample += value * f64::from(*weight));
        }
        samples
    }

    #[test]
    fn nothing_is_lost_where_nothing_is_reduced() {
        let block = |row: usize, column: usize| (row * 31 + column * 17 % 11) as f64;
        for (at, sample) in reduce(&transform(block), 8, 8).into_iter().enumerate() {
            assert!((sample - block(at / 8, at % 8)).abs() < 1e-3);
        }
    }

    #[test]
    fn a_slope_keeps_its_height_at_every_place() {
        let slope = transform(|row, column| 3.0 * row as f64 - 2.0 * column as f64);
        for (rows, columns) in [(1, 1), (2, 2), (4, 4), (2, 4), (8, 4), (1, 2)] {
            for (at, sample) in reduce(&slope, rows, columns).into_iter().enumerate() {
                let middle = |at: usize, count: usize| (at as f64 + 0.5) * 8.0 / count as f64 - 0.5;
                let expected = 3.0 * middle(at / columns, rows) - 2.0 * middle(at % columns, columns);
                assert!(
                    (sample - expected).abs() < 2.0,
                    "{rows} x {columns}, {at}: {sample} for {expected}"
                );
            }
        }
    }

    #[test]
    fn few_coefficients_are_needed_for_few_samples() {
        let count = |side: usize| weights(&[1; 64], side, side).len() / (side * side);
        assert_eq!([1, 2, 4, 8].map(count), [1, 5, 25, 64]);
    }
}
