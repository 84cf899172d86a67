//! The mean of a label's examples, mixed with its text (prototypes as of Snell et al., "Prototypical Networks for Few-shot
//! Learning", NeurIPS 2017, in a space that has texts as well).

use super::gap::{Gap, Nearness};
use super::{Lesson, feed, mean};
use crate::labels::embedding::dot;

/// Examples that weigh as much as a text that knows them. Measured by tools/src/bin/few_shot: 1 and 4 are worse by up to two
/// points with one or two examples a class, and all are equal with eight.
const EVEN: f32 = 2.0;

/// How near, in standard deviations, images lie that show the same, where each example tells as much as that; less so, where
/// examples are less alike, as of "device". Measured there and with dogs, birds and the like: without it two examples of such
/// a class lose two points to the name alone.
const ALIKE: f32 = 3.5;

/// What is left of either where the text does not know the examples at all, as "Miso" does not know a cat, or where they have
/// nothing in common.
const LEAST: f32 = 0.1;

/// Where the nearest of any images lie, in standard deviations of nearness. Measured by tools/src/bin/few_shot with a name that
/// says nothing among 21,841: 2.5 finds a tenth more of what was taught, and wrongly finds half as much again.
const BY_CHANCE: f32 = 3.0;

/// How near an image lies that shows the same as a single example, as a share of how near that lies to itself.
const ALONE: f32 = 0.5;

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
        let nearness = gap.nearness(&middle);
        let same = nearness_of_same(&examples, &middle, &nearness, gap);
        let told = count * (same / (ALIKE * gap.image_spread)).clamp(LEAST, 1.0);
        let kept = even / (even + told);
        // What any image has: the mean of a text's cosines.
        let any = (1.0 - kept) * gap.text_mean;
        let on_a_par = (1.0 - kept) * gap.text_spread / gap.image_spread;
        // What an image that is like the examples lacks of what the best other label has: of thousands some fits any image
        // by chance, better than a few examples on a par with a text would.
        let lacking = lesson.rival - kept * dot(&lesson.text, &middle) - any;
        // Halfway between what is nearest by chance and what shows the same, an image shows it as likely as not.
        let halfway = (BY_CHANCE * gap.image_spread + same) / 2.0;
        let stretch = on_a_par.max(lacking / halfway);
        Self {
            kept,
            bias: any - stretch * nearness.of_any,
            weights: nearness.direction.into_iter().map(|value| value * stretch).collect(),
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

/// How near to the middle of the examples other images are likely to lie that show the same, at least 0: as near as each
/// example lies to the middle of the others.
fn nearness_of_same(examples: &[&[f32]], middle: &[f32], to_middle: &Nearness, gap: &Gap) -> f32 {
    let count = examples.len() as f32;
    let alone = ALONE * to_middle.of(middle);
    if examples.len() < 2 {
        return alone.max(0.0);
    }
    let to_others = |example: &&[f32]| {
        let others = middle.iter().zip(*example);
        let others: Vec<f32> = others
            .map(|(middle, value)| (count * middle - value) / (count - 1.0))
            .collect();
        gap.nearness(&others).of(example)
    };
    // As if there were one more example, that is alone.
    ((examples.iter().map(to_others).sum::<f32>() + alone) / (count + 1.0)).max(0.0)
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
        Prototype::new(&lesson(text, -1.0, example, examples), &Gap::measure(&images, &[text]))
    }

    #[test]
    fn an_example_lies_above_the_text_the_more_examples_there_are() {
        let (text, example) = (unit(vec![-1.0, 0.05, 0.3]), unit(vec![1.0, 0.7, 0.0]));
        let text_cosine = dot(&example, &text);
        let gain = |examples| learned(&text, &example, examples).score(&example, text_cosine) - text_cosine;
        assert!(gain(1) > 0.0 && gain(4) > gain(1), "{} {}", gain(1), gain(4));
    }

    /// Images in so many directions that they lie at right angles to one another, as those of a model do.
    fn wide_image(number: usize) -> Vec<f32> {
        let around = (1..64).map(|place| ((number * 64 + place) as f32).powi(2).sin() / 8.0);
        unit([1.0].into_iter().chain(around).collect())
    }

    /// The text of such an image, as far from all images as texts are.
    fn text_of(image: &[f32]) -> Vec<f32> {
        unit([-1.0].into_iter().chain(image[1..].iter().copied()).collect())
    }

    fn wide_gap(images: &[Vec<f32>], text: &[f32]) -> Gap {
        let images: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        Gap::measure(&images, &[text])
    }

    fn lesson(text: &[f32], rival: f32, example: &[f32], examples: usize) -> Lesson {
        Lesson {
            label: 0,
            text: text.to_vec(),
            rival,
            examples: vec![example.to_vec(); examples],
        }
    }

    #[test]
    fn a_text_that_does_not_know_its_examples_weighs_less() {
        let images: Vec<Vec<f32>> = (0..40).map(wide_image).collect();
        let example = &images[0];
        let against: Vec<f32> = [example[0]]
            .into_iter()
            .chain(example[1..].iter().map(|value| -value))
            .collect();
        let (knows, does_not) = (text_of(example), text_of(&against));
        let kept = |text: &[f32], examples| {
            Prototype::new(&lesson(text, -1.0, example, examples), &wide_gap(&images, text)).kept
        };
        assert_eq!(kept(&knows, 2), 0.5);
        assert!(kept(&does_not, 2) < 0.2);
        assert!(kept(&does_not, 1) > kept(&does_not, 4));
    }

    #[test]
    fn without_a_rival_scores_have_the_mean_and_the_spread_of_cosines_with_texts() {
        let images: Vec<Vec<f32>> = (0..40).map(wide_image).collect();
        let text = text_of(&wide_image(99));
        let gap = wide_gap(&images, &text);
        let learned = Prototype::new(&lesson(&text, -1.0, &images[0], 1), &gap);
        let parts: Vec<f32> = images
            .iter()
            .map(|image| learned.score(image, 0.0) / (1.0 - learned.kept))
            .collect();
        let mean = parts.iter().sum::<f32>() / parts.len() as f32;
        let spread = (parts.iter().map(|part| (part - mean).powi(2)).sum::<f32>() / parts.len() as f32).sqrt();
        assert!((mean - gap.text_mean).abs() < 1e-5, "{mean} {}", gap.text_mean);
        assert!(
            spread > gap.text_spread / 2.0 && spread < gap.text_spread * 2.0,
            "{spread} {}",
            gap.text_spread
        );
    }

    #[test]
    fn an_example_has_more_than_its_rival_and_other_images_have_less() {
        let images: Vec<Vec<f32>> = (0..40).map(wide_image).collect();
        let text = text_of(&wide_image(99));
        let gap = wide_gap(&images, &text);
        let score = |rival: f32, examples: usize, image: &[f32]| {
            Prototype::new(&lesson(&text, rival, &images[0], examples), &gap).score(image, dot(image, &text))
        };
        let rival = score(-1.0, 1, &images[0]) + 0.5;
        for examples in [1, 3] {
            assert!(score(rival, examples, &images[0]) > rival);
            for other in images.iter().skip(1) {
                assert!(score(rival, examples, other) < rival);
            }
        }
    }
}
