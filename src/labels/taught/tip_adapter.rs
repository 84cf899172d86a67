//! Tip-Adapter without training (Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
//! ECCV 2022): the examples are a cache of keys, and an image adds to a label what its nearness to each of the label's keys
//! is worth, exp(-beta * (1 - cosine)), times alpha, to the logit of the text.

use super::{Lesson, dot, feed};

/// Weight of the cache beside the text, as a logit; the paper's.
const ALPHA: f32 = 1.0;

/// How quickly what an example is worth falls with the distance from it; the paper's.
const BETA: f32 = 5.5;

/// The examples of one label.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    examples: Vec<Vec<f32>>,
    /// What an image that is the example itself adds to the cosine.
    gain: f32,
}

impl Cache {
    /// `scale` is the model's logit scale, by which a logit is divided to become a cosine.
    pub fn new(lesson: &Lesson, scale: f32) -> Self {
        Self {
            examples: lesson.examples.clone(),
            gain: ALPHA / scale.max(1.0),
        }
    }

    /// What stands for the cosine of image and text.
    pub fn score(&self, image: &[f32], text_cosine: f32) -> f32 {
        let nearness = |example: &Vec<f32>| (-BETA * (1.0 - dot(image, example))).exp();
        text_cosine + self.gain * self.examples.iter().map(nearness).sum::<f32>()
    }

    pub fn feed(&self, hasher: &mut blake3::Hasher) {
        feed(hasher, &[self.gain, ALPHA, BETA]);
        self.examples.iter().for_each(|example| feed(hasher, example));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_adds_alpha_to_its_own_logit() {
        let lesson = Lesson {
            label: 1,
            text: vec![0.0, 1.0],
            examples: vec![vec![1.0, 0.0], vec![0.6, 0.8]],
        };
        let cache = Cache::new(&lesson, 100.0);
        let expected = 0.2 + (1.0 + (-BETA * 0.4f32).exp()) * ALPHA / 100.0;
        assert!((cache.score(&[1.0, 0.0], 0.2) - expected).abs() < 1e-6);
    }
}
