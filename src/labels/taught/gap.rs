//! How images lie to one another, and to texts.

use super::mean;
use crate::labels::embedding::{dot, unit};

/// Images of which every pair is looked at.
const PAIRED: usize = 64;

/// What lies between images and texts in a model's space. Images lie in one cone and texts in another (Liang et al., "Mind
/// the Gap", NeurIPS 2022), so the cosine of two images is no measure beside that of an image and a text, until the middle
/// of the images is taken off, and what is left is brought to the same mean and spread.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// Mean of the images.
    centre: Vec<f32>,
    /// Mean cosine of an image and a text.
    pub text_mean: f32,
    /// Standard deviation over the images of a text's cosine.
    pub text_spread: f32,
    /// Standard deviation over the images of their [`Nearness`] to another one.
    pub image_spread: f32,
    /// Mean of 1 - cosine of two images.
    pub image_distance: f32,
}

impl Gap {
    /// Between these images and texts, all of them unit vectors. Of less than two images, or without a text, there is none.
    pub fn measure(images: &[&[f32]], texts: &[&[f32]]) -> Self {
        let dim = images
            .iter()
            .chain(texts)
            .map(|vector| vector.len())
            .next()
            .unwrap_or_default();
        if images.len() < 2 || texts.is_empty() {
            return Self {
                centre: vec![0.0; dim],
                text_mean: 0.0,
                text_spread: 1.0,
                image_spread: 1.0,
                image_distance: 1.0,
            };
        }
        let centre = mean(images);
        let paired: Vec<&[f32]> = images.iter().step_by(images.len().div_ceil(PAIRED)).copied().collect();
        let about_centre: Vec<Vec<f32>> = paired.iter().map(|image| direction(image, &centre)).collect();
        let about_centre: Vec<&[f32]> = about_centre.iter().map(Vec::as_slice).collect();
        let spreads = texts.iter().map(|text| {
            let cosines: Vec<f32> = paired.iter().map(|image| dot(image, text)).collect();
            deviation(&cosines)
        });
        Self {
            text_mean: dot(&mean(texts), &centre),
            text_spread: spreads.sum::<f32>() / texts.len() as f32,
            image_spread: deviation(&pairs(&paired, &about_centre)).max(1e-3),
            image_distance: (1.0 - average(&pairs(&paired, &paired))).max(1e-3),
            centre,
        }
    }

    /// How far a text knows an image, or the mean of several: standard deviations of its cosine above that of any image.
    pub fn known(&self, text: &[f32], image: &[f32]) -> f32 {
        (dot(text, image) - dot(text, &self.centre)) / self.text_spread.max(1e-6)
    }

    /// How near images lie to `near`.
    pub fn nearness(&self, near: &[f32]) -> Nearness {
        let direction = direction(near, &self.centre);
        let of_any = dot(&direction, &self.centre);
        Nearness { direction, of_any }
    }
}

/// How near images lie to a point, as seen from their middle.
#[derive(Clone, Debug)]
pub(super) struct Nearness {
    /// From the middle of the images to the point.
    pub direction: Vec<f32>,
    /// Mean over the images of the product with that.
    pub of_any: f32,
}

impl Nearness {
    /// Of an image, or of the mean of several: 0 for the mean of all.
    pub fn of(&self, image: &[f32]) -> f32 {
        dot(image, &self.direction) - self.of_any
    }
}

/// Where a vector lies from another.
fn direction(to: &[f32], from: &[f32]) -> Vec<f32> {
    unit(to.iter().zip(from).map(|(to, from)| to - from).collect())
}

/// The products of every image with what belongs to each of the others.
fn pairs(images: &[&[f32]], others: &[&[f32]]) -> Vec<f32> {
    let mut products = Vec::with_capacity(images.len() * images.len());
    for (place, image) in images.iter().enumerate() {
        let others = others.iter().enumerate().filter(|(other, _)| *other != place);
        products.extend(others.map(|(_, other)| dot(image, other)));
    }
    products
}

fn average(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

fn deviation(values: &[f32]) -> f32 {
    let mean = average(values);
    let squares: Vec<f32> = values.iter().map(|value| (value - mean).powi(2)).collect();
    average(&squares).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images about one direction, and texts about another, at right angles to it.
    fn world() -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let mut vectors = [Vec::new(), Vec::new()];
        for number in 0..40 {
            let turn = number as f32 * 0.7;
            let around = [turn.cos(), turn.sin(), (turn * 1.7).cos()].map(|value| value * 0.5);
            for (side, vectors) in vectors.iter_mut().enumerate() {
                let mut vector = vec![0.0; 2];
                vector[side] = 1.0;
                vector.extend(around.map(|value| if side == 0 { value } else { value * 0.3 }));
                vectors.push(unit(vector));
            }
        }
        let [images, texts] = vectors;
        (images, texts)
    }

    fn slices(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
        vectors.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn nearness_of_all_images_has_no_mean_and_one_spread() {
        let (images, texts) = world();
        let gap = Gap::measure(&slices(&images), &slices(&texts));
        assert!(
            gap.image_distance < 0.3,
            "images lie near one another: {}",
            gap.image_distance
        );
        let mut spreads = Vec::new();
        for near in &images {
            let nearness = gap.nearness(near);
            let all: Vec<f32> = images.iter().map(|image| nearness.of(image)).collect();
            assert!(average(&all).abs() < 1e-5);
            assert!(nearness.of(near) > deviation(&all));
            spreads.push(deviation(&all));
        }
        let spread = average(&spreads);
        assert!(
            (spread / gap.image_spread - 1.0).abs() < 0.1,
            "{spread} {}",
            gap.image_spread
        );
    }

    #[test]
    fn without_images_there_is_no_gap() {
        let (images, _) = world();
        for (images, texts) in [
            (&[][..], &[][..]),
            (&slices(&images), &[]),
            (&slices(&images)[..1], &[]),
        ] {
            let nearness = Gap::measure(images, texts).nearness(&[]);
            assert!(nearness.direction.is_empty() && nearness.of_any == 0.0);
        }
    }
}
