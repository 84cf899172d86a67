//! What an image is, out of every label of a bank (zero-shot recognition; Radford et al., 2021, 3.1).

use clipdex_index::{ItemId, VectorSet};

use super::LabelError;
use crate::encoder::Identity;

/// One label's chance for one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The label's item in its bank.
    pub label: ItemId,
    /// Cosine of image and label, -1 to 1.
    pub cosine: f32,
    /// Softmax over the whole bank, 0 to 1.
    pub probability: f32,
}

/// The vectors of a bank, ready to be compared with images.
pub struct ZeroShot {
    labels: VectorSet,
    logit_scale: f32,
}

impl ZeroShot {
    /// Over the vectors of one bank, with the logit scale of the encoder that made them.
    pub fn new(labels: VectorSet, encoder: &Identity) -> Self {
        Self {
            labels,
            logit_scale: encoder.logit_scale,
        }
    }

    /// The `k` likeliest labels of a unit image vector, likeliest first, ties by item.
    ///
    /// The probabilities are over all labels of the bank, not over the `k` returned: the denominator is exact.
    ///
    /// # Errors
    /// The image's vector has another length than the labels' have.
    pub fn classify(&self, image: &[f32], k: usize) -> Result<Vec<Prediction>, LabelError> {
        let cosines = self.labels.dot(image).ok_or(LabelError::Dimension {
            labels: self.labels.dim,
            image: image.len(),
        })?;
        let largest = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |cosine: f32| f64::from(self.logit_scale * (cosine - largest)).exp();
        let total: f64 = cosines.iter().map(|&cosine| weight(cosine)).sum();

        let mut predictions: Vec<_> = (self.labels.ids.iter().zip(&cosines))
            .map(|(&label, &cosine)| Prediction {
                label,
                cosine,
                probability: (weight(cosine) / total) as f32,
            })
            .collect();
        let best_first =
            |a: &Prediction, b: &Prediction| b.cosine.total_cmp(&a.cosine).then_with(|| a.label.cmp(&b.label));
        if k < predictions.len() {
            predictions.select_nth_unstable_by(k, best_first);
            predictions.truncate(k);
        }
        predictions.sort_unstable_by(best_first);
        Ok(predictions)
    }
}
