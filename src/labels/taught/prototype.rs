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
        let all: Vec<_> = all
            .flat_map(|(place, lesson)| lesson.examples.iter().map(move |example| (place, example.as_slice())))
            .collect();
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
        lessons
            .map(|(place, lesson)| Self::of(lesson, &surroundings.of(place, lesson)))
            .collect()
    }

    fn of(lesson: &Lesson, others: &[&[f32]]) -> Self {
        let kept = EVEN / (EVEN + lesson.examples.len() as f32);
        let examples: Vec<&[f32]> = lesson.examples.iter().map(Vec::as_slice).collect();
        let centre = if others.len() < LEAST_IMAGES {
            vec![0.0; lesson.text.len()]
        } else {
            mean(others)
        };
        let direction = unit(
            mean(&examples)
                .iter()
                .zip(&centre)
                .map(|(near, centre)| near - centre)
                .collect(),
        );
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Images around one direction, each nearer to another one.
    fn images() -> Vec<Vec<f32>> {
        let image = |a: f32, b: f32, c: f32| unit(vec![1.0, a, b, c]);
        let signs: &[f32] = &[-1.0, 1.0];
        let all = signs
            .iter()
            .flat_map(|a| signs.iter().flat_map(move |b| signs.iter().map(move |c| (a, b, c))));
        all.enumerate()
            .map(|(i, (a, b, c))| image(a * 0.5, b * (0.3 + i as f32 * 0.01), c * 0.4))
            .collect()
    }

    fn lesson(examples: usize) -> Lesson {
        Lesson {
            label: 0,
            text: unit(vec![0.1, 1.0, 0.0, -3.0]),
            examples: vec![unit(vec![1.0, 0.6, 0.6, 0.0]); examples],
        }
    }

    #[test]
    fn scores_of_images_spread_as_their_cosines_with_the_text_do() {
        let images = images();
        let lesson = [lesson(2)];
        let surroundings = Surroundings::new(&lesson, &images);
        let prototype = &Prototype::learn(&lesson, &surroundings)[0];
        let all: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        let text = Spread::of(&all, &lesson[0].text);
        // Of the prototype alone.
        let share = 1.0 - prototype.kept;
        let scores: Vec<f32> = images.iter().map(|image| prototype.score(image, 0.0) / share).collect();
        let scores: Vec<&[f32]> = scores.chunks(1).collect();
        let learned = Spread::of(&scores, &[1.0]);
        assert!((learned.mean - text.mean).abs() < 1e-5, "{learned:?} {text:?}");
        assert!(
            (learned.deviation - text.deviation).abs() < 1e-5,
            "{learned:?} {text:?}"
        );
    }

    #[test]
    fn an_example_lies_above_the_text_the_more_examples_there_are() {
        let images = images();
        let gain = |examples| {
            let lesson = [lesson(examples)];
            let prototype = Prototype::learn(&lesson, &Surroundings::new(&lesson, &images)).remove(0);
            let image = &lesson[0].examples[0];
            prototype.score(image, dot(image, &lesson[0].text)) - dot(image, &lesson[0].text)
        };
        assert!(gain(1) > 0.0 && gain(4) > gain(1), "{} {}", gain(1), gain(4));
    }

    #[test]
    fn nothing_to_compare_with_is_no_trouble() {
        let lesson = [lesson(1)];
        let prototype = Prototype::learn(&lesson, &Surroundings::new(&lesson, &[])).remove(0);
        assert!(prototype.score(&lesson[0].examples[0], 0.2).is_finite());
    }

    #[test]
    fn other_labels_examples_are_surroundings_and_own_ones_are_not() {
        let mut lessons = vec![lesson(3), lesson(2)];
        lessons[1].examples[0] = vec![0.0, 0.0, 1.0, 0.0];
        let backdrop = vec![lesson(1).examples.remove(0), vec![1.0, 0.0, 0.0, 0.0]];
        let surroundings = Surroundings::new(&lessons, &backdrop);
        assert_eq!(surroundings.of(0, &lessons[0]).len(), 1 + 2);
    }
}
