//! Many photographs against many labels: blocked products, of which only the largest and the sums are kept.

use std::ops::Range;

use clipdex_index::{ItemId, Rows};
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::TagError;
use crate::encoder::Precision;
use crate::encoder::kernels::{self, Epilogue, Kernels, PackedMatrix, PowerSum};
use crate::labels::{Logits, Taught};

/// Photographs whose products one thread makes at a time.
const PHOTOS: usize = 64;
/// Labels that they are multiplied with at a time: packed, they are read from a shared cache by all threads, and the
/// products stay in a core's own.
const LABELS: usize = 1024;

/// The labels of a bank, to be compared with photographs.
pub(super) struct Comparison<'a> {
    pub labels: &'a Rows,
    pub taught: &'a Taught,
    pub logits: Logits,
    /// Labels that are kept of a photograph.
    pub kept: usize,
}

/// What has been seen of one photograph.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    powers: PowerSum,
    /// The likeliest labels with their cosines, likeliest first; of equal ones the first.
    best: Vec<(ItemId, f32)>,
}

impl Tally {
    /// Before the first label.
    pub fn new(logits: Logits) -> Self {
        Self {
            powers: PowerSum::new(logits.scale()),
            best: Vec::new(),
        }
    }

    /// After labels of which this was kept.
    pub fn resumed(logits: Logits, log_sum: f64, best: Vec<(ItemId, f32)>) -> Self {
        Self {
            powers: PowerSum::resumed(logits.scale(), log_sum),
            best,
        }
    }

    /// What is kept: the logarithm of the sum of powers, and the likeliest labels.
    pub fn into_kept(self) -> (f64, Vec<(ItemId, f32)>) {
        (self.powers.log(), self.best)
    }

    fn add(&mut self, kernels: Kernels, labels: &[ItemId], cosines: &[f32], kept: usize) {
        let best = &mut self.best;
        let bound = bound(best, kept);
        kernels.tally(cosines, &mut self.powers, bound, |place, cosine| {
            if let Some(label) = labels.get(place) {
                let at = best.partition_point(|(_, better)| *better >= cosine);
                best.insert(at, (*label, cosine));
                best.truncate(kept);
            }
            self::bound(best, kept)
        });
    }
}

/// What a cosine must exceed to be among the best.
fn bound(best: &[(ItemId, f32)], kept: usize) -> f32 {
    match kept.checked_sub(1).map(|last| best.get(last)) {
        Some(Some((_, worst))) => *worst,
        Some(None) => f32::NEG_INFINITY,
        None => f32::INFINITY,
    }
}

impl Comparison<'_> {
    /// Compares photographs with the labels in a range of places. `photos` are their unit vectors, one after another, a
    /// tally each.
    pub fn add(&self, photos: &[f32], places: Range<usize>, tallies: &mut [Tally]) -> Result<(), TagError> {
        let mut packed = Vec::new();
        for first in places.clone().step_by(LABELS) {
            let block = first..places.end.min(first + LABELS);
            let matrix = self.pack(block.clone(), &mut packed)?;
            let ids = self.labels.ids().get(block).unwrap_or_default();
            self.add_block(photos, &matrix, ids, tallies)?;
        }
        Ok(())
    }

    fn pack(&self, block: Range<usize>, values: &mut Vec<f32>) -> Result<PackedMatrix, TagError> {
        let dim = self.labels.dim();
        let shape = (block.len(), dim);
        values.clear();
        values.resize(block.len() * dim, 0.0);
        for (place, value) in block.zip(values.chunks_exact_mut(dim.max(1))) {
            copy_row(self.labels, place, value);
        }
        Ok(PackedMatrix::pack(
            Kernels::best(),
            Precision::F32,
            values,
            shape,
            None,
        )?)
    }

    fn add_block(
        &self,
        photos: &[f32],
        matrix: &PackedMatrix,
        ids: &[ItemId],
        tallies: &mut [Tally],
    ) -> Result<(), TagError> {
        let (dim, kernels) = (self.labels.dim(), Kernels::best());
        let work = |products: &mut Vec<f32>, (photos, tallies): (&[f32], &mut [Tally])| {
            products.resize(tallies.len() * ids.len(), 0.0);
            let rows = kernels::Rows::plain(photos, dim)?;
            matrix.multiply(rows, Epilogue::Store, products)?;
            let images = photos.chunks_exact(dim.max(1));
            let products = products.chunks_exact_mut(ids.len().max(1));
            for ((tally, image), cosines) in tallies.iter_mut().zip(images).zip(products) {
                self.taught.adjust(image, ids, cosines);
                tally.add(kernels, ids, cosines, self.kept);
            }
            Ok(())
        };
        let photos = photos.par_chunks(PHOTOS * dim.max(1));
        let tallies = tallies.par_chunks_mut(PHOTOS);
        photos.zip(tallies).try_for_each_init(Vec::new, work)
    }
}

/// Copies the vector in a place, widened; zeros where there is none.
pub(super) fn copy_row(rows: &Rows, place: usize, into: &mut [f32]) {
    let row = rows.row(place);
    if row.len() == into.len() {
        row.convert_to_f32_slice(into);
    } else {
        into.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use clipdex_index::{Space, Writer};

    use super::*;
    use crate::encoder::Model;
    use crate::encoder::kernels::testing::noise;

    const DIM: usize = 40;

    fn unit_rows(count: usize, seed: u64) -> Vec<f32> {
        let mut values = noise(count * DIM, seed);
        for row in values.chunks_exact_mut(DIM) {
            let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            row.iter_mut().for_each(|value| *value /= norm);
        }
        values
    }

    fn store(writer: &mut Writer, space: &Space, rows: &[f32]) {
        let mut batch = writer.batch();
        for (key, row) in rows.chunks_exact(DIM).enumerate() {
            batch.upsert(space, &key.to_be_bytes(), row, b"").unwrap();
        }
        batch.commit().unwrap();
    }

    #[test]
    fn tallies_are_those_of_every_label_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let space = writer.create_space("labels", DIM, [0; 32], b"").unwrap();
        store(&mut writer, &space, &unit_rows(2_100, 1));
        let labels = writer.index().rows(space.id).unwrap();
        let encoder = Model::open("starter").unwrap().identity().clone();
        let logits = Logits::new(&encoder, 0.5);
        let comparison = Comparison {
            labels: &labels,
            taught: &Taught::default(),
            logits,
            kept: 7,
        };
        let photos = unit_rows(70, 2);
        let mut tallies = vec![Tally::new(logits); 70];
        comparison.add(&photos, 0..1_500, &mut tallies).unwrap();
        // The rest is compared by what was kept of the first.
        let kept = tallies.into_iter().map(Tally::into_kept);
        let mut tallies: Vec<_> = kept
            .map(|(log_sum, best)| Tally::resumed(logits, log_sum, best))
            .collect();
        comparison.add(&photos, 1_500..2_100, &mut tallies).unwrap();

        for (photo, tally) in photos.chunks_exact(DIM).zip(tallies) {
            let cosines = labels.dot(photo).unwrap();
            let (log_sum, best) = tally.into_kept();
            assert!((log_sum - logits.log_sum(cosines.iter().copied())).abs() < 1e-4);
            let mut expected: Vec<_> = labels.ids().iter().copied().zip(cosines).collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1));
            for ((id, cosine), (expected_id, expected)) in best.iter().zip(&expected) {
                assert!(id == expected_id && (cosine - expected).abs() < 1e-5);
            }
            assert_eq!(best.len(), 7);
        }
    }
}
