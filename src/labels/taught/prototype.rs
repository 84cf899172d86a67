//! The mean of a label's examples, mixed with its text (prototypes as of Snell et al., "Prototypical Networks for Few-shot
//! Learning", NeurIPS 2017, in a space that has texts as well).

use super::gap::Gap;
use super::{Lesson, dot, feed, mean};

/// Examples that weigh as much as the text. Measured by tools/src/bin/few_shot: 1 and 4 are worse by up to two points with
/// one or two examples a class, and all are equal with eight.
const EVEN: f32 = 2.0;

/// A taught label: its score is `kept` of the cosine with its text, and a linear function of the image's vector.
#[derive(Clone, Debug)]
pub(super) struct Prototype {
    kept: f32,
    weights: Vec<f32>,
    bias: f32,
}

impl Prototype {
    pub fn new(lesson: &Lesson, gap: &Gap) -> Self {
        let kept = EVEN / (EVEN + lesson.examples.len() as f32);
        let examples: Vec<&[f32]> = lesson.examples.iter().map(Vec::as_slice).collect();
        let (weights, bias) = gap.on_a_par(&mean(&examples));
        Self {
            kept,
            weights: weights.into_iter().map(|weight| weight * (1.0 - kept)).collect(),
            bias: bias * (1.0 - kept),
        }
    }

    /// What stands for the cosine of image and text.
    pub fn score(&self, image: &[f32], text_cosine: f32) -> f32 {
        self.kept * text_cosine + dot(image, &self.weights) + self.bias
    }

    pub fn feed(&self, hasher: &mut blake3::Hasher) {
        feed(hasher, &[self.kept, self.bias]);
        feed(hasher, &self.weights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::embedding::unit;

    #[test]
    fn an_example_lies_above_the_text_the_more_examples_there_are() {
        let images = [[1.0, 0.5, 0.1], [1.0, -0.5, 0.2], [1.0, 0.1, -0.6], [1.0, -0.1, 0.3]];
        let images = images.map(|image| unit(image.to_vec()));
        let images: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        let text = unit(vec![-1.0, 0.2, 0.1]);
        let gap = Gap::measure(&images, &[&text]);
        let gain = |examples: usize| {
            let example = unit(vec![1.0, 0.7, 0.0]);
            let text_cosine = dot(&example, &text);
            let lesson = Lesson {
                label: 0,
                text: text.clone(),
                examples: vec![example.clone(); examples],
            };
            Prototype::new(&lesson, &gap).score(&example, text_cosine) - text_cosine
        };
        assert!(gain(1) > 0.0 && gain(4) > gain(1), "{} {}", gain(1), gain(4));
    }
}
