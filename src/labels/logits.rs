use crate::encoder::{Family, Identity};

/// How cosines of an image with labels become probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logits {
    /// Factor of a cosine.
    scale: f32,
    /// Added to the scaled cosine.
    bias: f32,
    /// Whether each label is judged by itself.
    each: bool,
}

impl Logits {
    /// Of an encoder, divided by `temperature`, which is positive: 1 leaves probabilities as the model was trained, more
    /// makes them more alike, less tells them further apart.
    pub fn new(encoder: &Identity, temperature: f32) -> Self {
        Self {
            scale: encoder.logit_scale / temperature,
            bias: encoder.logit_bias / temperature,
            each: encoder.family == Family::Siglip,
        }
    }

    /// Factor that turns a cosine into a logit, up to a constant that a softmax does not see.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The logit of a cosine.
    pub fn logit(&self, cosine: f32) -> f64 {
        f64::from(self.scale) * f64::from(cosine) + f64::from(self.bias)
    }

    /// Whether each label is judged by itself, as SigLIP is trained (Zhai et al., ICCV 2023): several labels may be near
    /// 1, or none. Otherwise the probabilities of all labels sum to 1.
    pub fn judges_each(&self) -> bool {
        self.each
    }

    /// The logarithm of the sum of `exp(scale * cosine)`; negative infinity without cosines. The largest is taken off
    /// first, so that no power overflows.
    pub fn log_sum(&self, cosines: impl IntoIterator<Item = f32> + Clone) -> f64 {
        let largest = cosines.clone().into_iter().fold(f32::NEG_INFINITY, f32::max);
        if largest == f32::NEG_INFINITY {
            return f64::NEG_INFINITY;
        }
        let powers = cosines
            .into_iter()
            .map(|cosine| f64::from(self.scale * (cosine - largest)).exp());
        f64::from(self.scale) * f64::from(largest) + powers.sum::<f64>().ln()
    }

    /// The share that a label has of all of which `log_sum` is [`Logits::log_sum`]: the softmax.
    pub fn share(&self, cosine: f32, log_sum: f64) -> f32 {
        (f64::from(self.scale) * f64::from(cosine) - log_sum).exp() as f32
    }

    /// The probability of a label, 0 to 1: its share, or for SigLIP a sigmoid of this label alone.
    pub fn probability(&self, cosine: f32, log_sum: f64) -> f32 {
        if self.each {
            1.0 / (1.0 + (-(self.scale * cosine + self.bias)).exp())
        } else {
            self.share(cosine, log_sum)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Model;

    #[test]
    fn sums_neither_overflow_nor_vanish() {
        let mut encoder = Model::open("starter").unwrap().identity().clone();
        encoder.logit_scale = 5_000.0;
        let logits = Logits::new(&encoder, 1.0);
        for cosine in [-1.0, 1.0] {
            let log_sum = logits.log_sum([cosine, cosine]);
            assert!((logits.share(cosine, log_sum) - 0.5).abs() < 1e-6);
        }
        assert_eq!(logits.log_sum([]), f64::NEG_INFINITY);
        assert_eq!(logits.log_sum([f32::NEG_INFINITY]), f64::NEG_INFINITY);
    }

    #[test]
    fn temperature_divides() {
        let mut encoder = Model::open("starter").unwrap().identity().clone();
        encoder.logit_scale = 8.0;
        let [warm, cold] = [4.0, 0.5].map(|temperature| Logits::new(&encoder, temperature));
        let first = |logits: Logits| logits.share(0.5, logits.log_sum([0.5, 0.25]));
        assert!((first(warm) - 1.0 / (1.0 + (-0.5f32).exp())).abs() < 1e-6);
        assert!((first(cold) - 1.0 / (1.0 + (-4.0f32).exp())).abs() < 1e-6);
    }
}
