//! What an image is compared with, beside labels, to see that it shows none of them.

use super::LabelError;
use crate::encoder::TextEncoder;

/// Sentences that are true of any photograph, and so fit one better than a label that it does not show.
const PROMPTS: [&str; 16] = [
    "a photo.",
    "a photo of something.",
    "a photo of something else.",
    "a photo of an object.",
    "a photo of a thing.",
    "a photo of a scene.",
    "a photo of a place.",
    "a photo of a person.",
    "a photo of an animal.",
    "a photo of a plant.",
    "a photo of food.",
    "a photo of a building.",
    "a photo of a vehicle.",
    "a photo of a landscape.",
    "a photo of a pattern.",
    "a photo of text.",
];

/// The class "none of these".
#[derive(Clone, Debug)]
pub struct Background {
    vectors: Vec<Vec<f32>>,
}

impl Background {
    /// Embeds the prompts of the class.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn embed(encoder: &dyn TextEncoder) -> Result<Self, LabelError> {
        let embeddings = encoder.embed(&PROMPTS)?;
        Ok(Self::of_vectors(embeddings.rows().map(<[f32]>::to_vec).collect()))
    }

    /// The class that these unit vectors stand for.
    pub fn of_vectors(vectors: Vec<Vec<f32>>) -> Self {
        Self { vectors }
    }

    /// The cosine of a unit image vector with the prompt that fits it best: the class covers all that labels may lack,
    /// and no photograph fits all of its prompts.
    pub fn cosine(&self, image: &[f32]) -> f32 {
        let cosine = |vector: &Vec<f32>| vector.iter().zip(image).map(|(a, b)| a * b).sum::<f32>();
        self.vectors.iter().map(cosine).fold(-1.0, f32::max)
    }
}
