//! The mean of a label's examples, on a par with its text.
//!
//! Images lie near one another and far from all texts (Liang et al., "Mind the Gap", NeurIPS 2022), so a cosine with a
//! prototype is no cosine with a text. What the two have in common is how they spread over images that show anything: a
//! score says how many standard deviations an image lies above the mean of those, and is given the text's own mean and
//! deviation. That is linear in the image's vector.

use super::{Lesson, dot, feed};
use crate::labels::embedding::unit;

/// Examples that weigh as much as the text.
const EVEN: f32 = 2.0;

/// Images that are needed to say how scores spread.
const LEAST_IMAGES: usize = 8;

/// Examples of other labels that are looked at beside the backdrop.
const MOST_EXAMPLES: usize = 256;

/// A taught label: its score is `kept` of the cosine with its text, and a linear function of the image's vector.
#[derive(Clone, Debug)]
pub(super) struct Prototype {
    kept: f32,
    weights: Vec<f32>,
    bias: f32,
}

/// Images that have nothing to do with a label, for all labels that are taught.
pub(super) struct Surroundings<'a> {
    backdrop: &'a [Vec<f32>],
    /// Examples, each with the place of its lesson.
    examples: Vec<(usize, &'a [f32])>,
}

impl<'a> Surroundings<'a> {
    pub fn new(lessons: &'a [Lesson], backdrop: &'a [Vec<f32>]) -> Self {
        let all = lessons.iter().enumerate();
        let all: Vec<_> =
            all.flat_map(|(place, lesson)| lesson.examples.iter().map(move |example| (place, example.as_slice()))).collect();
        let step = all.len().div_ceil(MOST_EXAMPLES).max(1);
        Self {
            backdrop,
            examples: all.into_iter().step_by(step).collect(),
        }
    }

    /// Those of one lesson: the backdrop but for its own examples, and the examples of the others.
    fn of(&self, place: usize, lesson: &Lesson) -> Vec<&'a [f32]> {
        let backdrop = self.backdrop.iter().map(Vec::as_slice);
        let backdrop = backdrop.filter(|image| !lesson.examples.iter().any(|example| example == image));
        let others = self.examples.iter().filter(|(of, _)| *of != place);
        backdrop.chain(others.map(|(_, image)| *image)).collect()
    }
}

impl Prototype {
    /// Of each lesson, in their order.
    pub fn learn(lessons: &[Lesson], surroundings: &Surroundings<'_>) -> Vec<Self> {
        let lessons = lessons.iter().enumerate();
        lessons.map(|(place, lesson)| Self::of(lesson, &surroundings.of(place, lesson))).collect()
    }

    fn of(lesson: &Lesson, others: &[&[f32]]) -> Self {
        todo!()
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
