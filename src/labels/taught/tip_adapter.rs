//! Tip-Adapter without training (Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
//! ECCV 2022): the examples are a cache, and each adds alpha * exp(-beta * (1 - cosine with the image)) to its label.
//!
//! The paper's beta of 5.5 is for the images of CLIP, whose mean distance is about a half, and its alpha of 1 adds to logits
//! that spread by about 3. Other models' images and logits lie otherwise, so distances are divided by their mean here, and
//! alpha is in standard deviations of a text's cosine.

use super::gap::Gap;
use super::{Lesson, feed, mean};
use crate::labels::embedding::dot;

/// What an image that is the example itself adds, in standard deviations. The paper's is about a third; measured by
/// tools/src/bin/few_shot, that adds next to nothing with the built-in encoder, and 2 raises accuracy at every number of
/// examples. More would draw any image to a label that alone has many examples.
const ALPHA: f32 = 2.0;

/// How quickly what an example is worth falls with the distance, in mean distances of images; the paper's.
const BETA: f32 = 2.75;

/// The examples of one label.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    examples: Vec<Vec<f32>>,
    alpha: f32,
    beta: f32,
}

impl Cache {
    pub fn new(lesson: &Lesson, gap: &Gap) -> Self {
        let examples: Vec<&[f32]> = lesson.examples.iter().map(Vec::as_slice).collect();
        // An image that lies half as far from every example as any two images do has as much as the best other label,
        // of which some fits any image by chance where there are thousands.
        let missing = lesson.rival - dot(&lesson.text, &mean(&examples));
        let halfway = examples.len() as f32 * (-BETA / 2.0).exp();
        Self {
            alpha: (ALPHA * gap.text_spread).max(missing / halfway),
            examples: lesson.examples.clone(),
            beta: BETA / gap.image_distance,
        }
    }

    /// What stands for the cosine of image and text.
    pub fn score(&self, image: &[f32], text_cosine: f32) -> f32 {
        let nearness = |example: &Vec<f32>| (-self.beta * (1.0 - dot(image, example))).exp();
        text_cosine + self.alpha * self.examples.iter().map(nearness).sum::<f32>()
    }

    pub fn feed(&self, hasher: &mut blake3::Hasher) {
        feed(hasher, &[self.alpha, self.beta]);
        self.examples.iter().for_each(|example| feed(hasher, example));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_adds_alpha_to_itself_and_less_with_the_distance() {
        let lesson = Lesson {
            label: 1,
            text: vec![0.0, 1.0],
            rival: 0.0,
            examples: vec![vec![1.0, 0.0], vec![0.6, 0.8]],
        };
        let gap = Gap::measure(&[], &[]);
        let expected = 0.2 + ALPHA * (1.0 + (-BETA * 0.4f32).exp());
        assert!((Cache::new(&lesson, &gap).score(&[1.0, 0.0], 0.2) - expected).abs() < 1e-6);
    }
}
