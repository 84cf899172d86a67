//! Deterministic numbers and vectors for the crate's tests.

use half::f16;

use crate::matrix::Matrix;

/// A small generator (SplitMix64), so that tests need no other crate and never change.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Values in -1..1.
    pub(crate) fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
            .collect()
    }
}

/// Unit vectors, each with `common` times the same part, as encoders give them; ids are the odd numbers.
pub(crate) fn unit_rows(rows: usize, dim: usize, common: f32, seed: u64) -> Matrix {
    let mut noise = Noise::new(seed);
    let centre = noise.values(dim);
    let mut vectors = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let own = noise.values(dim);
        let values = own.iter().zip(&centre).map(|(own, centre)| own + common * centre);
        vectors.extend(unit(values.collect()).into_iter().map(f16::from_f32));
    }
    Matrix {
        ids: (0..rows as u64).map(|row| 2 * row + 1).collect(),
        vectors,
        dim,
    }
}

/// A vector of length 1 in the direction of `values`.
pub(crate) fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    values.iter_mut().for_each(|x| *x /= norm);
    values
}
