//! What an image is, out of every label of a bank (zero-shot recognition; Radford et al., 2021, 3.1).

use clipdex_index::{ItemId, Rows, VectorSet};

use super::recognition::Recognition;
use super::{Background, LabelError, Logits, Prediction, Taught};
use crate::encoder::Identity;

/// Vectors that are compared with all labels together: their products are kept until all are made.
const TOGETHER: usize = 16;

/// The vectors of labels.
pub enum LabelVectors {
    /// Those of a bank, as they are stored.
    Stored(Rows),
    /// Those that a caller has.
    Given(VectorSet),
}

impl From<Rows> for LabelVectors {
    fn from(rows: Rows) -> Self {
        Self::Stored(rows)
    }
}

impl From<VectorSet> for LabelVectors {
    fn from(vectors: VectorSet) -> Self {
        Self::Given(vectors)
    }
}

impl LabelVectors {
    fn ids(&self) -> &[ItemId] {
        match self {
            Self::Stored(rows) => rows.ids(),
            Self::Given(vectors) => &vectors.ids,
        }
    }

    fn dim(&self) -> usize {
        match self {
            Self::Stored(rows) => rows.dim(),
            Self::Given(vectors) => vectors.dim,
        }
    }

    /// The cosines of each of several unit vectors with every label.
    fn dot_many(&self, vectors: &[impl AsRef<[f32]> + Sync]) -> Result<Vec<Vec<f32>>, LabelError> {
        let mut lengths = vectors.iter().map(|vector| vector.as_ref().len());
        if let Some(image) = lengths.find(|length| *length != self.dim()) {
            let labels = self.dim();
            return Err(LabelError::Dimension { labels, image });
        }
        Ok(match self {
            Self::Stored(rows) => rows.dot_many(vectors)?,
            Self::Given(given) => vectors.iter().filter_map(|vector| given.dot(vector.as_ref())).collect(),
        })
    }
}

/// The vectors of a bank, ready to be compared with images.
pub struct ZeroShot {
    labels: LabelVectors,
    encoder: Identity,
    temperature: f32,
    taught: Taught,
    background: Option<Background>,
    /// By place, where not all labels are asked about.
    admitted: Option<Vec<bool>>,
}

impl ZeroShot {
    /// Over the vectors of labels, and the encoder that made them.
    pub fn new(labels: impl Into<LabelVectors>, encoder: &Identity) -> Self {
        Self {
            labels: labels.into(),
            encoder: encoder.clone(),
            temperature: 1.0,
            taught: Taught::default(),
            background: None,
            admitted: None,
        }
    }

    /// The same labels, whose logits are divided by `temperature`, which is positive.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = temperature;
        self
    }

    /// The same labels, some of which were taught by examples.
    #[must_use]
    pub fn with_taught(mut self, taught: Taught) -> Self {
        self.taught = taught;
        self
    }

    /// The same labels, with which "none of these" competes: as far as it says what none of them says. To be called when
    /// it is settled which labels take part.
    ///
    /// # Errors
    /// The background's vectors have another length than the labels' have.
    pub fn with_background(mut self, background: Background) -> Result<Self, LabelError> {
        let background = background.apart_from(|kinds| self.nearest(kinds))?;
        self.background = Some(background);
        Ok(self)
    }

    /// The cosine of each vector with the label that is nearest to it.
    fn nearest(&self, vectors: &[Vec<f32>]) -> Result<Vec<f32>, LabelError> {
        let mut nearest = Vec::with_capacity(vectors.len());
        for vectors in vectors.chunks(TOGETHER) {
            for mut cosines in self.labels.dot_many(vectors)? {
                self.leave_out(&mut cosines);
                nearest.push(cosines.into_iter().fold(-1.0, f32::max));
            }
        }
        Ok(nearest)
    }

    /// The labels in these places alone, as if the bank had no others.
    #[must_use]
    pub fn among(mut self, places: &[u32]) -> Self {
        let mut admitted = vec![false; self.labels.ids().len()];
        for place in places {
            if let Some(admitted) = admitted.get_mut(*place as usize) {
                *admitted = true;
            }
        }
        self.admitted = Some(admitted);
        self
    }

    /// The labels' items, in the order of their places.
    pub fn ids(&self) -> &[ItemId] {
        self.labels.ids()
    }

    /// How cosines become probabilities.
    pub fn logits(&self) -> Logits {
        Logits::new(&self.encoder, self.temperature)
    }

    /// The cosine of a unit image vector with every label, by place; of taught ones their score in its place.
    ///
    /// # Errors
    /// The image's vector has another length than the labels' have.
    pub fn cosines(&self, image: &[f32]) -> Result<Vec<f32>, LabelError> {
        let mut cosines = self.labels.dot_many(&[image])?.pop().unwrap_or_default();
        self.taught.adjust(image, self.labels.ids(), &mut cosines);
        Ok(cosines)
    }

    /// Compares a unit image vector with every label.
    ///
    /// # Errors
    /// The image's vector has another length than the labels' have.
    pub fn recognise(&self, image: &[f32]) -> Result<Recognition<'_>, LabelError> {
        let mut cosines = self.cosines(image)?;
        self.leave_out(&mut cosines);
        let background = self.background.as_ref().map(|background| background.cosine(image));
        Ok(Recognition::new(self.labels.ids(), cosines, background, self.logits()))
    }

    /// Makes labels that take no part impossible.
    fn leave_out(&self, cosines: &mut [f32]) {
        let admitted = self.admitted.iter().flatten();
        for (cosine, admitted) in cosines.iter_mut().zip(admitted) {
            if !admitted {
                *cosine = f32::NEG_INFINITY;
            }
        }
    }

    /// The `k` likeliest labels of a unit image vector, likeliest first, ties by item.
    ///
    /// # Errors
    /// The image's vector has another length than the labels' have.
    pub fn classify(&self, image: &[f32], k: usize) -> Result<Vec<Prediction>, LabelError> {
        Ok(self.recognise(image)?.best(k))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Family, Model};

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
    fn temperature_makes_labels_more_alike() {
        let weights = [1.0f64, 0.6, 0.6, -1.0].map(f64::exp);
        let expected = weights[0] / weights.iter().sum::<f64>();
        let first = bank().with_temperature(2.0).classify(&[1.0, 0.0], 1).unwrap()[0];
        assert!((f64::from(first.probability) - expected).abs() < 1e-6);
    }

    #[test]
    fn labels_that_are_left_out_take_no_part() {
        let found = bank().among(&[1, 3, 900]).classify(&[1.0, 0.0], 10).unwrap();
        assert_eq!(found.iter().map(|p| p.label).collect::<Vec<_>>(), [5, 9]);
        let total: f32 = found.iter().map(|p| p.probability).sum();
        assert!((total - 1.0).abs() < 1e-6);
    }

    #[test]
    fn none_of_these_is_a_class_of_its_own() {
        let background = Background::of_vectors(vec![vec![0.0, 1.0], vec![0.8, 0.6]]);
        let bank = bank().with_background(background).unwrap();
        let seen = bank.recognise(&[1.0, 0.0]).unwrap();
        let total: f32 = seen.best(4).iter().map(|p| p.probability).sum();
        assert!((total + seen.none().unwrap().probability - 1.0).abs() < 1e-6);
        assert!(bank.recognise(&[-0.6, 0.8]).unwrap().none_wins());
        assert!(!seen.none_wins());
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
