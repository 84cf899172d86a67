//! Vectors and libraries for the tests.

use clipdex_index::{FileRecord, Index, ItemId, Space, SpaceId, Writer, verify};
use tempfile::TempDir;

pub const FINGERPRINT: [u8; 32] = [7; 32];

/// A deterministic generator (SplitMix64).
pub struct Noise(pub u64);

impl Noise {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Values in -1..1.
    pub fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
            .collect()
    }

    pub fn unit(&mut self, dim: usize) -> Vec<f32> {
        normalised(self.values(dim))
    }
}

pub fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

/// `count` unit vectors around `clusters` centres.
pub fn clustered(seed: u64, count: usize, dim: usize, clusters: usize) -> Vec<Vec<f32>> {
    let mut noise = Noise(seed);
    let centres: Vec<_> = (0..clusters).map(|_| noise.unit(dim)).collect();
    let around = |centre: &Vec<f32>, noise: &mut Noise| {
        let spread = noise.unit(dim);
        normalised(centre.iter().zip(spread).map(|(c, s)| c + 0.7 * s).collect())
    };
    (0..count).map(|i| around(&centres[i % clusters], &mut noise)).collect()
}

pub fn library(dim: usize) -> (TempDir, Writer, Space) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let space = writer.create_space("images", dim, FINGERPRINT, b"attributes").unwrap();
    (dir, writer, space)
}

/// Writes each vector under the key of its number; ids are then the numbers too, in a new space.
pub fn fill(writer: &mut Writer, space: &Space, vectors: &[Vec<f32>]) -> Vec<ItemId> {
    let mut batch = writer.batch();
    let put = |(i, vector): (usize, &Vec<f32>)| batch.upsert(space, &i.to_be_bytes(), vector, b"").unwrap();
    let ids = vectors.iter().enumerate().map(put).collect();
    batch.commit().unwrap();
    ids
}

pub fn file(space: SpaceId, item: ItemId) -> FileRecord {
    FileRecord {
        space,
        item,
        size: 10,
        mtime_ns: 20,
        hash: [3; 32],
    }
}

/// The ids and scores of all vectors of a space by falling score, computed here alone.
pub fn oracle(index: &Index, space: SpaceId, query: &[f32]) -> Vec<(ItemId, f32)> {
    let set = index.vectors(space).unwrap();
    let score = |row: &[f32]| row.iter().zip(query).map(|(x, y)| x * y).sum::<f32>();
    let mut all: Vec<_> = set
        .ids
        .iter()
        .copied()
        .zip(set.data.chunks_exact(set.dim).map(score))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

pub fn assert_sound(index: &Index) {
    assert_eq!(verify(index).unwrap(), []);
}
