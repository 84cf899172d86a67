//! The mean of a label's examples, mixed with its text (prototypes as of Snell et al., "Prototypical Networks for Few-shot
//! Learning", NeurIPS 2017, in a space that has texts as well).

use super::gap::Gap;
use super::{Lesson, feed, mean};
use crate::labels::embedding::dot;

/// Examples that weigh as much as a text that knows them. Measured by tools/src/bin/few_shot: 1 and 4 are worse by up to two
/// points with one or two examples a class, and all are equal with eight.
const EVEN: f32 = 2.0;

/// What is left of that where the text does not know the examples at all, as "Miso" does not know a cat.
const LEAST: f32 = 0.1;

/// A taught label: its score is `kept` of the cosine with its text, and a linear function of the image's vector.
#[derive(Clone, Debug)]
pub(super) struct Prototype {
    kept: f32,
    weights: Vec<f32>,
    bias: f32,
}

impl Prototype {
    pub fn new(lesson: &Lesson, gap: &Gap) -> Self {
        let examples: Vec<&[f32]> = lesson.examples.iter().map(Vec::as_slice).collect();
        let (count, middle) = (examples.len() as f32, mean(&examples));
        // As if one more example were known by one standard deviation: a single one says little of the text.
        let known = (count * gap.known(&lesson.text, &middle) + 1.0) / (count + 1.0);
        let even = EVEN * known.clamp(LEAST, 1.0);
        let kept = even / (even + count);
        let (weights, bias) = gap.on_a_par(&middle);
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

    /// Images that spread in all directions about one.
    fn images() -> Vec<Vec<f32>> {
        let around = [[0.5, 0.1], [-0.5, 0.2], [0.1, -0.6], [-0.1, 0.3]];
        around.map(|[a, b]| unit(vec![1.0, a, b])).to_vec()
    }

    fn learned(text: &[f32], example: &[f32], examples: usize) -> Prototype {
        let images = images();
        let images: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        let lesson = Lesson {
            label: 0,
            text: text.to_vec(),
            examples: vec![example.to_vec(); examples],
        };
        Prototype::new(&lesson, &Gap::measure(&images, &[text]))
    }

    #[test]
    fn an_example_lies_above_the_text_the_more_examples_there_are() {
        let (text, example) = (unit(vec![-1.0, 0.05, 0.3]), unit(vec![1.0, 0.7, 0.0]));
        let text_cosine = dot(&example, &text);
        let gain = |examples| learned(&text, &example, examples).score(&example, text_cosine) - text_cosine;
        assert!(gain(1) > 0.0 && gain(4) > gain(1), "{} {}", gain(1), gain(4));
    }

    #[test]
    fn a_text_that_does_not_know_its_examples_weighs_less() {
        let example = unit(vec![1.0, 0.7, 0.0]);
        let kept = |text: Vec<f32>, examples| learned(&unit(text), &example, examples).kept;
        let (knows, does_not) = (vec![-1.0, 0.2, 0.1], vec![-1.0, -0.2, 0.1]);
        assert_eq!(kept(knows.clone(), 2), 0.5);
        assert!(kept(does_not.clone(), 2) < 0.2);
        assert!(kept(does_not.clone(), 1) > kept(does_not, 4));
    }
}
