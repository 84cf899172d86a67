//! What an image is compared with, beside labels, to see that it shows none of them.

use super::LabelError;
use super::embedding::dot;
use crate::encoder::TextEncoder;

/// Sentences that are true of any photograph, and so fit one better than a label that it does not show.
const NEUTRAL: [&str; 10] = [
    "a photo.",
    "a photo of something.",
    "a photo of something else.",
    "a photo of an object.",
    "a photo of a thing.",
    "a photo of a scene.",
    "a photo of a place.",
    "a picture.",
    "an image.",
    "a photo of nothing in particular.",
];

/// What photographs show, by and large: the words that people name things with first (basic-level categories; Rosch et
/// al., 1976).
const KINDS: [&str; 113] = [
    "person",
    "face",
    "hand",
    "child",
    "crowd",
    "animal",
    "wild animal",
    "dog",
    "cat",
    "horse",
    "cow",
    "monkey",
    "bear",
    "bird",
    "chicken",
    "duck",
    "fish",
    "shark",
    "whale",
    "snake",
    "lizard",
    "turtle",
    "frog",
    "insect",
    "beetle",
    "butterfly",
    "spider",
    "crab",
    "snail",
    "plant",
    "tree",
    "flower",
    "leaf",
    "mushroom",
    "fruit",
    "vegetable",
    "meal",
    "bread",
    "cake",
    "drink",
    "bottle",
    "cup",
    "vehicle",
    "car",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
    "train",
    "airplane",
    "boat",
    "ship",
    "building",
    "house",
    "church",
    "castle",
    "bridge",
    "tower",
    "street",
    "shop",
    "room",
    "kitchen",
    "bathroom",
    "bed",
    "chair",
    "table",
    "sofa",
    "lamp",
    "cabinet",
    "door",
    "window",
    "fence",
    "tool",
    "knife",
    "machine",
    "computer",
    "screen",
    "telephone",
    "camera",
    "clock",
    "musical instrument",
    "toy",
    "ball",
    "sports equipment",
    "piece of clothing",
    "shoe",
    "hat",
    "bag",
    "jewel",
    "pair of glasses",
    "box",
    "basket",
    "pot",
    "book",
    "text",
    "sign",
    "weapon",
    "stick",
    "cloth",
    "rope",
    "wheel",
    "landscape",
    "mountain",
    "beach",
    "forest",
    "field",
    "river",
    "sky",
    "snow",
    "rock",
    "statue",
    "pattern",
    "piece of art",
];

/// The class "none of these": neutral sentences, and kinds of things beside those that the labels name.
///
/// Measured on 300 photographs of ImageNet classes with the starter, out of six banks of special labels (clothing, food,
/// dogs, birds, vehicles, instruments) and five of general ones (2026-11-26): neutral sentences alone see that a photograph
/// shows none of a special bank's labels in 13% of cases, with kinds in 83%; a label is still found for 97% of those that
/// show one.
#[derive(Clone, Debug)]
pub struct Background {
    vectors: Vec<Vec<f32>>,
    /// How many of them are neutral; these come first.
    neutral: usize,
}

impl Background {
    /// Embeds the prompts of the class.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn embed(encoder: &dyn TextEncoder) -> Result<Self, LabelError> {
        let kinds = KINDS.map(|kind| format!("a photo of a {kind}."));
        let prompts: Vec<&str> = NEUTRAL.into_iter().chain(kinds.iter().map(String::as_str)).collect();
        let embeddings = encoder.embed(&prompts)?;
        Ok(Self {
            vectors: embeddings.rows().map(<[f32]>::to_vec).collect(),
            neutral: NEUTRAL.len(),
        })
    }

    /// The class that these unit vectors stand for, whatever the labels are.
    pub fn of_vectors(vectors: Vec<Vec<f32>>) -> Self {
        let neutral = vectors.len();
        Self { vectors, neutral }
    }

    /// The class without kinds of things that the labels name: those that are nearer to a label than to every other prompt
    /// of the class. `nearest` tells for unit vectors how near the nearest label is to each.
    pub(super) fn apart_from<E>(mut self, nearest: impl FnOnce(&[Vec<f32>]) -> Result<Vec<f32>, E>) -> Result<Self, E> {
        let neutral = self.neutral.min(self.vectors.len());
        let kinds = self.vectors.split_off(neutral);
        let to_labels = nearest(&kinds)?;
        let to_another = |place: usize, kind: &[f32]| {
            let others = kinds.iter().enumerate().filter(|(other, _)| *other != place);
            let all = self.vectors.iter().chain(others.map(|(_, other)| other));
            all.map(|other| dot(other, kind)).fold(-1.0, f32::max)
        };
        let apart = kinds.iter().zip(to_labels).enumerate();
        let apart = apart.filter(|(place, (kind, label))| *label <= to_another(*place, kind));
        let apart: Vec<_> = apart.map(|(_, (kind, _))| kind.clone()).collect();
        self.vectors.extend(apart);
        Ok(self)
    }

    /// The cosine of a unit image vector with the prompt that fits it best: no photograph fits all of them.
    pub fn cosine(&self, image: &[f32]) -> f32 {
        self.vectors
            .iter()
            .map(|vector| dot(vector, image))
            .fold(-1.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_labels_name_are_left_out() {
        let background = Background {
            vectors: vec![vec![0.0, 1.0], vec![1.0, 0.0], vec![0.6, 0.8]],
            neutral: 1,
        };
        assert_eq!(background.cosine(&[1.0, 0.0]), 1.0);
        let labels = |kinds: &[Vec<f32>]| Ok::<_, LabelError>(kinds.iter().map(|kind| kind[0]).collect());
        // The first kind is a label; the second one is nearer to the neutral sentence.
        let apart = background.apart_from(labels).unwrap();
        assert_eq!(apart.vectors, [[0.0, 1.0], [0.6, 0.8]]);
    }
}
