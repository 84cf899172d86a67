//! A temperature by which probabilities mean what they say, fitted on labelled photographs (Guo et al., On calibration of
//! modern neural networks, ICML 2017).

use rayon::prelude::*;

use super::Logits;
use crate::encoder::Identity;
use crate::encoder::kernels::{Kernels, PowerSum};

/// Bins of confidence that the calibration error is taken over, as its authors have it.
const BINS: usize = 15;
/// Temperatures that are tried, as logarithms.
const RANGE: (f64, f64) = (-4.6, 4.6);
/// The search for the best one ends where it is known to so much of its logarithm.
const TOLERANCE: f64 = 1e-3;

/// A photograph whose label is known.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Its cosine with every label of the bank, by place.
    pub cosines: Vec<f32>,
    /// Place of the right label.
    pub label: usize,
}

/// How good probabilities are.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Quality {
    /// Share of photographs whose likeliest label is right.
    pub accuracy: f64,
    /// Mean negative logarithm of the right label's likelihood: less is better.
    pub negative_log_likelihood: f64,
    /// Expected calibration error: how far the probability of the likeliest label is from the share of photographs that
    /// it is right about, 0 to 1.
    pub calibration_error: f64,
}

/// What fitting a temperature gave.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Calibration {
    /// Fitted on all photographs.
    pub temperature: f32,
    /// With the model's own logit scale.
    pub before: Quality,
    /// Each half of the photographs with the temperature that was fitted on the other half.
    pub after: Quality,
}

/// Fits a temperature on labelled photographs, of which there are at least two. Those of a label should follow one
/// another, so that both halves have of each.
pub fn calibrate(encoder: &Identity, photos: &[Labelled]) -> Calibration {
    let half = |parity: usize| {
        let photos = photos.iter().enumerate().filter(move |(i, _)| i % 2 == parity);
        photos.map(|(_, photo)| photo).collect::<Vec<_>>()
    };
    let all: Vec<_> = photos.iter().collect();
    let halves = [half(0), half(1)];
    let fitted = [fit(encoder, &halves[1]), fit(encoder, &halves[0])];
    let after = halves
        .iter()
        .zip(fitted)
        .flat_map(|(half, temperature)| judge(encoder, half, temperature));
    Calibration {
        temperature: fit(encoder, &all),
        before: Quality::of(&judge(encoder, &all, 1.0)),
        after: Quality::of(&after.collect::<Vec<_>>()),
    }
}

/// The temperature under which the right labels are likeliest. The likelihood has one peak: the search by golden sections
/// cannot miss it.
fn fit(encoder: &Identity, photos: &[&Labelled]) -> f32 {
    let loss = |log: f64| {
        let logits = Logits::new(encoder, log.exp() as f32);
        photos.par_iter().map(|photo| logits.loss(photo)).sum::<f64>()
    };
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = RANGE;
    let inner = |low: f64, high: f64| (high - golden * (high - low), low + golden * (high - low));
    let (mut left, mut right) = inner(low, high);
    let (mut at_left, mut at_right) = (loss(left), loss(right));
    while high - low > TOLERANCE {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = inner(low, high).0;
            at_left = loss(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = inner(low, high).1;
            at_right = loss(right);
        }
    }
    ((low + high) / 2.0).exp() as f32
}

/// What was said of one photograph.
struct Judged {
    /// Probability of the likeliest label.
    confidence: f64,
    /// Whether that is the right one.
    right: bool,
    loss: f64,
}

fn judge(encoder: &Identity, photos: &[&Labelled], temperature: f32) -> Vec<Judged> {
    let logits = Logits::new(encoder, temperature);
    let judge = |photo: &&Labelled| {
        let cosines = photo.cosines.iter().copied().enumerate();
        let first = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
        let (likeliest, cosine) = cosines.fold((0, f32::NEG_INFINITY), first);
        Judged {
            confidence: f64::from(logits.probability(cosine, logits.log_sum_of(&photo.cosines))),
            right: likeliest == photo.label,
            loss: logits.loss(photo),
        }
    };
    photos.par_iter().map(judge).collect()
}

impl Logits {
    /// The negative logarithm of the likelihood of a photograph's label: of the softmax, or where each label is judged by
    /// itself, of all these judgements together.
    fn loss(&self, photo: &Labelled) -> f64 {
        let right = photo.cosines.get(photo.label).copied().unwrap_or(f32::NEG_INFINITY);
        if self.judges_each() {
            let softplus = |cosine: &f32| {
                let logit = self.logit(*cosine);
                logit.max(0.0) + (-logit.abs()).exp().ln_1p()
            };
            photo.cosines.iter().map(softplus).sum::<f64>() - self.logit(right)
        } else {
            self.log_sum_of(&photo.cosines) - f64::from(self.scale()) * f64::from(right)
        }
    }

    /// [`Logits::log_sum`] to within 1e-5, in a tenth of the time.
    fn log_sum_of(&self, cosines: &[f32]) -> f64 {
        let mut powers = PowerSum::new(self.scale());
        Kernels::best().tally(cosines, &mut powers, f32::INFINITY, |_, _| f32::INFINITY);
        powers.log()
    }
}

impl Quality {
    fn of(judged: &[Judged]) -> Self {
        let mut bins = [(0.0, 0.0); BINS];
        let (mut right, mut loss) = (0.0, 0.0);
        for photo in judged {
            let place = (photo.confidence * BINS as f64) as usize;
            if let Some((confidence, correct)) = bins.get_mut(place.min(BINS - 1)) {
                *confidence += photo.confidence;
                *correct += f64::from(photo.right);
            }
            right += f64::from(photo.right);
            loss += photo.loss;
        }
        let photos = judged.len().max(1) as f64;
        let gaps = bins.iter().map(|(confidence, correct)| f64::abs(confidence - correct));
        Self {
            accuracy: right / photos,
            negative_log_likelihood: loss / photos,
            calibration_error: gaps.sum::<f64>() / photos,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Family, Model};

    fn encoder(scale: f32) -> Identity {
        let mut encoder = Model::open("starter").unwrap().identity().clone();
        encoder.logit_scale = scale;
        encoder
    }

    /// Photographs whose labels come as often as a softmax of `scale` says.
    fn photos(scale: f64) -> Vec<Labelled> {
        let mut photos = Vec::new();
        for gap in [0.02f32, 0.05, 0.1, 0.2] {
            let share = 1.0 / (1.0 + (-scale * f64::from(gap)).exp());
            for i in 0..1_000 {
                photos.push(Labelled {
                    cosines: vec![0.5, 0.5 - gap],
                    label: usize::from(f64::from(i) + 0.5 > share * 1_000.0),
                });
            }
        }
        photos
    }

    #[test]
    fn the_scale_that_made_the_labels_is_found() {
        let found = calibrate(&encoder(100.0), &photos(20.0));
        assert!((found.temperature - 5.0).abs() < 0.05, "{}", found.temperature);
        assert!(
            found.before.calibration_error > 0.1 && found.after.calibration_error < 0.01,
            "{found:?}"
        );
        assert!(found.after.negative_log_likelihood < found.before.negative_log_likelihood);
        assert_eq!(
            found.after.accuracy, found.before.accuracy,
            "a temperature changes no order"
        );
    }

    #[test]
    fn labels_that_are_judged_each_by_itself_have_one_too() {
        let mut encoder = encoder(40.0);
        encoder.family = Family::Siglip;
        encoder.logit_bias = -18.0;
        let logits = Logits::new(&encoder, 1.0);
        let photo = |right: f32, wrong: f32| Labelled {
            cosines: vec![right, wrong],
            label: 0,
        };
        let [good, bad] = [photo(0.6, 0.2), photo(0.2, 0.6)].map(|photo| logits.loss(&photo));
        assert!(good < 0.01 && bad > 10.0, "{good} {bad}");
        let found = calibrate(
            &encoder,
            &[photo(0.5, 0.4), photo(0.4, 0.5), photo(0.6, 0.3), photo(0.6, 0.3)],
        );
        assert!(found.after.negative_log_likelihood.is_finite());
    }

    #[test]
    fn the_error_is_the_gap_between_confidence_and_right() {
        let judged = |confidence, right| Judged {
            confidence,
            right,
            loss: 1.0,
        };
        let quality = Quality::of(&[
            judged(1.0, true),
            judged(0.98, false),
            judged(0.5, true),
            judged(0.5, false),
        ]);
        assert!((quality.calibration_error - 0.98 / 4.0).abs() < 1e-9);
        assert_eq!((quality.accuracy, quality.negative_log_likelihood), (0.5, 1.0));
        assert_eq!(Quality::of(&[]), Quality::default());
    }
}
