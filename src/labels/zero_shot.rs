//! What an image is, out of every label of a bank (zero-shot recognition; Radford et al., 2021, 3.1).

use clipdex_index::{ItemId, VectorSet};

use super::{LabelError, Taught};
use crate::encoder::{Family, Identity};

/// One label's chance for one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The label's item in its bank.
    pub label: ItemId,
    /// Cosine of image and label, -1 to 1.
    pub cosine: f32,
    /// 0 to 1: softmax over the whole bank, or for SigLIP a sigmoid of this label alone.
    pub probability: f32,
}

/// The vectors of a bank, ready to be compared with images.
pub struct ZeroShot {
    labels: VectorSet,
    encoder: Identity,
    taught: Taught,
}

impl ZeroShot {
    /// Over the vectors of one bank, and the encoder that made them.
    pub fn new(labels: VectorSet, encoder: &Identity) -> Self {
        Self {
            labels,
            encoder: encoder.clone(),
            taught: Taught::default(),
        }
    }

    /// The same labels, with what examples taught of them.
    #[must_use]
    pub fn with_taught(mut self, taught: Taught) -> Self {
        self.taught = taught;
        self
    }

    /// The `k` likeliest labels of a unit image vector, likeliest first, ties by item.
    ///
    /// # Errors
    /// The image's vector has another length than the labels' have.
    pub fn classify(&self, image: &[f32], k: usize) -> Result<Vec<Prediction>, LabelError> {
        let mut cosines = self.labels.dot(image).ok_or(LabelError::Dimension {
            labels: self.labels.dim,
            image: image.len(),
        })?;
        self.taught.adjust(image, &self.labels.ids, &mut cosines);
        let Identity {
            family,
            logit_scale,
            logit_bias,
            ..
        } = self.encoder;
        let probabilities = match family {
            Family::Starter | Family::Clip => softmax(&cosines, logit_scale),
            Family::Siglip => sigmoid(&cosines, logit_scale, logit_bias),
        };
        let mut predictions: Vec<_> = (self.labels.ids.iter().zip(cosines).zip(probabilities))
            .map(|((&label, cosine), probability)| Prediction {
                label,
                cosine,
                probability,
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

/// Probabilities that sum to 1 over all labels. The largest logit is taken off first, so that no power overflows.
fn softmax(cosines: &[f32], scale: f32) -> Vec<f32> {
    let largest = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |cosine: &f32| f64::from(scale * (cosine - largest)).exp();
    let total: f64 = cosines.iter().map(weight).sum();
    cosines.iter().map(|cosine| (weight(cosine) / total) as f32).collect()
}

/// Each label's probability by itself, as SigLIP is trained (Zhai et al., ICCV 2023): several may be near 1, or none.
fn sigmoid(cosines: &[f32], scale: f32, bias: f32) -> Vec<f32> {
    let probability = |cosine: &f32| 1.0 / (1.0 + (-(scale * cosine + bias)).exp());
    cosines.iter().map(probability).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Model;

    fn bank() -> ZeroShot {
        let data = vec![1.0, 0.0, 0.6, 0.8, 0.6, 0.8, -1.0, 0.0];
        let labels = VectorSet {
            ids: vec![3, 5, 8, 9],
            data,
            dim: 2,
        };
        let mut encoder = Model::open("starter").unwrap().identity().clone();
        encoder.logit_scale = 2.0;
        ZeroShot::new(labels, &encoder)
    }

    #[test]
    fn the_likeliest_come_first_and_ties_by_item() {
        let found = bank().classify(&[0.6, 0.8], 3).unwrap();
        assert_eq!(found.iter().map(|p| p.label).collect::<Vec<_>>(), [5, 8, 3]);
        assert_eq!(found[0].probability, found[1].probability);
    }

    #[test]
    fn probabilities_are_over_the_whole_bank() {
        let all = bank().classify(&[1.0, 0.0], 10).unwrap();
        let total: f32 = all.iter().map(|p| p.probability).sum();
        assert!((total - 1.0).abs() < 1e-6);
        let weights = [2.0f64, 1.2, 1.2, -2.0].map(f64::exp);
        let expected = weights[0] / weights.iter().sum::<f64>();
        let first = bank().classify(&[1.0, 0.0], 1).unwrap()[0];
        assert!((f64::from(first.probability) - expected).abs() < 1e-6);
    }

    #[test]
    fn siglip_judges_each_label_by_itself() {
        let mut bank = bank();
        bank.encoder.family = Family::Siglip;
        bank.encoder.logit_scale = 10.0;
        bank.encoder.logit_bias = -5.0;
        let found = bank.classify(&[0.6, 0.8], 4).unwrap();
        let expected = [1.0f32, 1.0, 0.6, -0.6].map(|cosine| 1.0 / (1.0 + (5.0 - 10.0 * cosine).exp()));
        for (prediction, expected) in found.iter().zip(expected) {
            assert!((prediction.probability - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn vectors_of_another_length_are_refused() {
        assert!(bank().classify(&[1.0, 0.0, 0.0], 1).is_err());
    }
}
