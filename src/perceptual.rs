//! What a picture looks like from afar, in 64 bits: copies that were resized or compressed again differ in few of them.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

use crate::rgb::RgbImage;

/// Side of the square of mean brightnesses that the hash is made of.
const SIDE: usize = 32;

/// Lowest frequencies of each direction that are kept.
const FREQUENCIES: usize = 8;

/// The signs of a picture's lowest spatial frequencies, as pHash has them (Zauner: Implementation and Benchmarking of
/// Perceptual Image Hash Functions, 2010): the picture is squashed to 32 x 32 mean brightnesses, of whose discrete
/// cosine transform the 8 x 8 lowest coefficients give a bit each, set where it is greater than their median.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PerceptualHash(pub u64);

impl PerceptualHash {
    /// The hash of an upright image.
    pub fn of(image: &RgbImage) -> Self {
        let spectrum = low_frequencies(&brightness(image));
        let mut sorted = spectrum;
        sorted.sort_unstable_by(f32::total_cmp);
        let (below, above) = (sorted[sorted.len() / 2 - 1], sorted[sorted.len() / 2]);
        let median = (below + above) / 2.0;
        let bits = spectrum.iter().enumerate();
        Self(bits.fold(0, |hash, (bit, value)| hash | (u64::from(*value > median) << bit)))
    }

    /// Number of bits, 0 to 64, in which two pictures differ; about 32 for pictures that have nothing to do with one
    /// another.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// Mean brightness (ITU-R BT.601, 0 to 255) of each cell of a 32 x 32 grid over the image. Where the image has fewer
/// pixels than the grid has cells, neighbouring cells see the same pixel.
fn brightness(image: &RgbImage) -> [[f32; SIDE]; SIDE] {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let columns: [_; SIDE] = std::array::from_fn(|cell| span(cell, width));
    let mut cells = [[0.0; SIDE]; SIDE];
    for (row, cells) in cells.iter_mut().enumerate() {
        let (top, bottom) = span(row, height);
        let mut sums = [[0_u64; 3]; SIDE];
        for line in image.data().chunks_exact(3 * width).skip(top).take(bottom - top) {
            for (sum, (left, right)) in sums.iter_mut().zip(columns) {
                add(sum, line.get(3 * left..3 * right).unwrap_or_default());
            }
        }
        for ((cell, [r, g, b]), (left, right)) in cells.iter_mut().zip(sums).zip(columns) {
            let pixels = ((right - left) * (bottom - top)) as f32;
            *cell = (0.299 * r as f32 + 0.587 * g as f32 + 0.114 * b as f32) / pixels;
        }
    }
    cells
}

/// First and last-but-one of the pixels of `length` that a cell covers: at least one.
fn span(cell: usize, length: usize) -> (usize, usize) {
    let first = cell * length / SIDE;
    (first, ((cell + 1) * length / SIDE).max(first + 1))
}

/// Adds up the channels of RGB triples. A run of one row is short enough for sums of 32 bits.
fn add(sum: &mut [u64; 3], triples: &[u8]) {
    let (triples, _) = triples.as_chunks::<3>();
    for run in triples.chunks(1 << 20) {
        let mut short = [0_u32; 3];
        for rgb in run {
            for (sum, value) in short.iter_mut().zip(rgb) {
                *sum += u32::from(*value);
            }
        }
        for (sum, short) in sum.iter_mut().zip(short) {
            *sum += u64::from(short);
        }
    }
}

/// The lowest 8 x 8 coefficients of the two-dimensional DCT-II, row by row, without its constant factors.
fn low_frequencies(cells: &[[f32; SIDE]; SIDE]) -> [f32; FREQUENCIES * FREQUENCIES] {
    let basis: [[f32; SIDE]; FREQUENCIES] = std::array::from_fn(|frequency| {
        std::array::from_fn(|x| (PI / SIDE as f32 * (x as f32 + 0.5) * frequency as f32).cos())
    });
    let product = |a: &[f32; SIDE], b: &[f32; SIDE]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    // Of each row of cells its frequencies, then of each frequency's column.
    let across: [[f32; SIDE]; FREQUENCIES] =
        std::array::from_fn(|u| std::array::from_fn(|row| product(&cells[row], &basis[u])));
    std::array::from_fn(|i| product(&across[i % FREQUENCIES], &basis[i / FREQUENCIES]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with structure of every scale, of any size: sums of a few waves.
    fn picture(width: u32, height: u32, seed: f32) -> RgbImage {
        let data = (0..height).flat_map(|y| {
            (0..width).flat_map(move |x| {
                let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
                let wave = |a: f32, b: f32| ((a * x + b * y) * PI + seed * a).sin();
                let value = wave(1.3, 2.1) + wave(3.7, -1.9) + 0.5 * wave(5.2, 4.4) + 0.2 * wave(17.0, 23.0);
                [128.0 + 40.0 * value, 128.0 + 30.0 * value, 90.0 + 25.0 * value].map(|value| value as u8)
            })
        });
        RgbImage::new(width, height, data.collect()).unwrap()
    }

    #[test]
    fn size_and_brightness_change_little_and_another_picture_much() {
        let hash = PerceptualHash::of(&picture(640, 480, 1.0));
        for (width, height) in [(1280, 960), (320, 240), (97, 61), (640, 480)] {
            let resized = PerceptualHash::of(&picture(width, height, 1.0));
            assert!(
                hash.distance(resized) <= 4,
                "{width} x {height}: {}",
                hash.distance(resized)
            );
        }
        let original = picture(640, 480, 1.0);
        let darker = original.data().iter().map(|value| value / 2).collect();
        let darker = RgbImage::new(640, 480, darker).unwrap();
        assert!(hash.distance(PerceptualHash::of(&darker)) <= 4);
        assert!(hash.distance(PerceptualHash::of(&picture(640, 480, 2.0))) > 16);
    }

    #[test]
    fn the_hash_of_a_picture_stays() {
        // Stored hashes are compared with those of later versions.
        let ramp = (0..64_u8)
            .flat_map(|y| (0..64_u8).flat_map(move |x| [4 * x, 2 * y, x ^ y]))
            .collect();
        let hash = PerceptualHash::of(&RgbImage::new(64, 64, ramp).unwrap());
        assert_eq!(format!("{:016x}", hash.0), "56fd0c716275c855");
    }

    #[test]
    fn the_smallest_and_the_flattest_pictures_have_hashes() {
        for (width, height) in [(1, 1), (1, 500), (500, 1), (31, 33)] {
            let flat = RgbImage::new(width, height, vec![255; (3 * width * height) as usize]).unwrap();
            let _ = PerceptualHash::of(&flat);
        }
    }
}
