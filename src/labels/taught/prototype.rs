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

/// How cosines spread.
#[derive(Clone, Copy, Debug)]
struct Spread {
    mean: f32,
    deviation: f32,
}

/// Of images with one another, where there are too few to measure it.
const TYPICAL_IMAGES: Spread = Spread {
    mean: 0.5,
    deviation: 0.1,
};

/// Of images with texts, where there are too few to measure it.
const TYPICAL_TEXTS: Spread = Spread {
    mean: 0.2,
    deviation: 0.03,
};

impl Spread {
    fn of(images: &[&[f32]], direction: &[f32]) -> Self {
        let cosines: Vec<f32> = images.iter().map(|image| dot(image, direction)).collect();
        let count = cosines.len().max(1) as f32;
        let mean = cosines.iter().sum::<f32>() / count;
        let squares = cosines.iter().map(|cosine| (cosine - mean).powi(2)).sum::<f32>();
        Self {
            mean,
            deviation: (squares / count).sqrt(),
        }
    }
}

fn mean(vectors: &[&[f32]]) -> Vec<f32> {
    let mut sum = vec![0.0; vectors.first().map_or(0, |vector| vector.len())];
    for vector in vectors {
        sum.iter_mut().zip(*vector).for_each(|(sum, value)| *sum += value);
    }
    sum.iter_mut().for_each(|sum| *sum /= vectors.len().max(1) as f32);
    sum
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
        let kept = EVEN / (EVEN + lesson.examples.len() as f32);
        let examples: Vec<&[f32]> = lesson.examples.iter().map(Vec::as_slice).collect();
        let centre = if others.len() < LEAST_IMAGES {
            vec![0.0; lesson.text.len()]
        } else {
            mean(others)
        };
        let direction = unit(mean(&examples).iter().zip(&centre).map(|(near, centre)| near - centre).collect());
        let (images, texts) = if others.len() < LEAST_IMAGES {
            (TYPICAL_IMAGES, TYPICAL_TEXTS)
        } else {
            (Spread::of(others, &direction), Spread::of(others, &lesson.text))
        };
        let stretch = texts.deviation / images.deviation.max(1e-6);
        let share = (1.0 - kept) * stretch;
        Self {
            kept,
            weights: direction.iter().map(|value| value * share).collect(),
            bias: (1.0 - kept) * texts.mean - share * images.mean,
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
