//! A made-up world of scenes, and how photographs and captions of them lie in a joint space.
//!
//! A scene has a meaning: that of its topic, of its concept, and its own, which varies along the few directions of the
//! concept. A photograph shows the meaning and has looks of its own; a caption tells the meaning roughly and has a
//! wording of its own. Each modality adds these to the direction that all its vectors share, its cone.

use crate::noise::{Noise, normalised};

/// Directions of meaning, and of what only one modality has.
const MEANINGS: usize = 96;
const MANNERS: usize = 64;
const TOPICS: u64 = 120;
const CONCEPTS: u64 = 4_000;
/// Directions along which the scenes of one concept differ.
const ASPECTS: usize = 16;
/// How fast the deviation falls from one direction to the next: as the place to this power.
const DECAY: f32 = -0.6;
/// Concepts are as frequent as their rank, plus this, to this power.
const RANK_OFFSET: f64 = 20.0;
const RANK_POWER: f64 = -0.8;
/// Variance of a meaning by topic, concept and scene.
const TOPIC: f32 = 0.28;
const CONCEPT: f32 = 0.37;
const SCENE: f32 = 0.35;
/// How much of what is special in a scene its caption tells.
const TOLD: f32 = 0.5;

/// How one modality shows a scene: the shares of its variance.
struct Modality {
    /// Of the cone, and so the mean cosine of two vectors of the modality.
    cone_share: f32,
    meaning: f32,
    manner: f32,
    /// The rest, in all directions alike.
    grain: f32,
    cone: Vec<f32>,
    /// `MEANINGS + MANNERS` rows, scaled to their deviation.
    directions: Vec<Vec<f32>>,
}

/// What every vector is drawn from.
pub(crate) struct World {
    seed: u64,
    dim: usize,
    photographs: Modality,
    captions: Modality,
    /// Where each concept begins when the unit interval is cut by frequency.
    thresholds: Vec<f64>,
    concepts: Vec<Concept>,
}

struct Concept {
    /// Of topic and concept.
    meaning: Vec<f32>,
    /// `ASPECTS` rows of `MEANINGS`.
    aspects: Vec<Vec<f32>>,
}

/// What to draw; each kind has its own scenes.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Base = 1,
    ImageQuery,
    TextQuery,
    Training,
}

/// Streams of noise that no vector uses.
const CONES: u64 = 101;
const DIRECTIONS: u64 = 102;
const TOPIC_MEANING: u64 = 103;
const CONCEPT_MEANING: u64 = 104;

impl World {
    pub(crate) fn new(seed: u64, dim: usize) -> Self {
        let mut noise = Noise::new(seed, CONES, 0);
        let photographs_cone = noise.direction(dim);
        let apart = noise.direction(dim);
        // A third of the captions' cone lies in the photographs': with the shares below that is CLIP's modality gap.
        let mut captions_cone = scaled(&apart, 0.93);
        add(&mut captions_cone, 0.36, &photographs_cone);
        let [meanings, looks, wordings] = [(0, MEANINGS), (1, MANNERS), (2, MANNERS)].map(|(which, count)| {
            let mut noise = Noise::new(seed, DIRECTIONS, which);
            let scales = scales(count).into_iter();
            scales
                .map(|scale| scaled(&noise.direction(dim), scale))
                .collect::<Vec<_>>()
        });
        let photographs = Modality {
            cone_share: 0.5,
            meaning: 0.60,
            manner: 0.34,
            grain: 0.06,
            cone: photographs_cone,
            directions: [meanings.clone(), looks].concat(),
        };
        let captions = Modality {
            cone_share: 0.5,
            meaning: 0.15,
            manner: 0.65,
            grain: 0.20,
            cone: normalised(captions_cone),
            directions: [meanings, wordings].concat(),
        };
        let mut world = Self {
            seed,
            dim,
            photographs,
            captions,
            thresholds: thresholds(),
            concepts: Vec::new(),
        };
        world.concepts = (0..CONCEPTS).map(|number| world.concept(number)).collect();
        world
    }

    fn concept(&self, number: u64) -> Concept {
        let mut noise = Noise::new(self.seed, CONCEPT_MEANING, number);
        let topic = (noise.uniform() * TOPICS as f64) as u64;
        let topic: Vec<f32> = normals(&mut Noise::new(self.seed, TOPIC_MEANING, topic), MEANINGS);
        let mut meaning = scaled(&normals(&mut noise, MEANINGS), CONCEPT.sqrt());
        add(&mut meaning, TOPIC.sqrt(), &topic);
        Concept {
            meaning,
            aspects: scales(ASPECTS)
                .into_iter()
                .map(|scale| scaled(&normals(&mut noise, MEANINGS), scale))
                .collect(),
        }
    }

    /// The unit vector with this number.
    pub(crate) fn vector(&self, kind: Kind, number: u64) -> Vec<f32> {
        let mut noise = Noise::new(self.seed, kind as u64, number);
        let place = noise.uniform();
        let concept = self
            .thresholds
            .partition_point(|threshold| *threshold <= place)
            .saturating_sub(1);
        let scene = normals(&mut noise, ASPECTS);
        match kind {
            Kind::Base | Kind::ImageQuery => self.shown(&self.photographs, concept, &scene, &mut noise),
            Kind::TextQuery | Kind::Training => {
                let told: Vec<f32> = scene.iter().map(|x| x * TOLD).collect();
                self.shown(&self.captions, concept, &told, &mut noise)
            }
        }
    }

    fn shown(&self, modality: &Modality, concept: usize, scene: &[f32], noise: &mut Noise) -> Vec<f32> {
        let concept = &self.concepts[concept];
        let mut latent = concept.meaning.clone();
        for (value, aspect) in scene.iter().zip(&concept.aspects) {
            add(&mut latent, value * SCENE.sqrt(), aspect);
        }
        latent.iter_mut().for_each(|x| *x *= modality.meaning.sqrt());
        latent.extend(normals(noise, MANNERS).iter().map(|x| x * modality.manner.sqrt()));

        let spread = (1.0 - modality.cone_share).sqrt();
        let mut vector = normals(noise, self.dim);
        let grain = spread * (modality.grain / self.dim as f32).sqrt();
        vector.iter_mut().for_each(|x| *x *= grain);
        add(&mut vector, modality.cone_share.sqrt(), &modality.cone);
        for (value, direction) in latent.iter().zip(&modality.directions) {
            add(&mut vector, spread * value, direction);
        }
        normalised(vector)
    }
}

fn normals(noise: &mut Noise, count: usize) -> Vec<f32> {
    (0..count).map(|_| noise.normal()).collect()
}

/// Deviations along `count` directions, whose squares sum up to 1.
fn scales(count: usize) -> Vec<f32> {
    normalised((1..=count).map(|place| (place as f32).powf(DECAY)).collect())
}

fn thresholds() -> Vec<f64> {
    let weights: Vec<f64> = (0..CONCEPTS)
        .map(|rank| (rank as f64 + RANK_OFFSET).powf(RANK_POWER))
        .collect();
    let total: f64 = weights.iter().sum();
    let starts = weights.iter().scan(0.0, |sum, weight| {
        let start = *sum;
        *sum += weight / total;
        Some(start)
    });
    starts.collect()
}

fn add(sum: &mut [f32], factor: f32, vector: &[f32]) {
    for (sum, x) in sum.iter_mut().zip(vector) {
        *sum += factor * x;
    }
}

fn scaled(vector: &[f32], factor: f32) -> Vec<f32> {
    vector.iter().map(|x| x * factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 512;

    fn vectors(world: &World, kind: Kind) -> Vec<Vec<f32>> {
        (0..150).map(|number| world.vector(kind, number)).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    /// Over all pairs of two different rows.
    fn mean_cosine(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
        let pairs = (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| (i, j)));
        let cosines: Vec<f32> = pairs.filter(|(i, j)| i != j).map(|(i, j)| dot(&a[i], &b[j])).collect();
        cosines.iter().sum::<f32>() / cosines.len() as f32
    }

    #[test]
    fn a_seed_gives_the_same_unit_vectors_and_another_gives_others() {
        let [one, again, other] = [1, 1, 2].map(|seed| World::new(seed, DIM).vector(Kind::Base, 7));
        assert_eq!(one, again);
        assert!(dot(&one, &other).abs() < 0.5);
        assert!((dot(&one, &one) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn cosines_are_those_of_clip() {
        let world = World::new(1, DIM);
        let [images, texts] = [Kind::Base, Kind::TextQuery].map(|kind| vectors(&world, kind));
        for (found, wanted) in [
            (mean_cosine(&images, &images), 0.5),
            (mean_cosine(&texts, &texts), 0.5),
            (mean_cosine(&images, &texts), 0.16),
        ] {
            assert!((found - wanted).abs() < 0.06, "{found} is not near {wanted}");
        }
    }

    #[test]
    fn no_kind_repeats_the_scenes_of_another() {
        let world = World::new(1, DIM);
        let [base, queries] = [Kind::Base, Kind::ImageQuery].map(|kind| world.vector(kind, 0));
        assert!(dot(&base, &queries) < 0.99);
    }
}
