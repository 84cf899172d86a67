use std::fmt;

/// BLAKE3 of an encoder's configuration and weights: vectors of different fingerprints are not comparable.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Kinds of encoder that clipdex can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The built-in encoder of models/starter.
    Starter,
    /// CLIP with a Vision Transformer, its weights on disk.
    Clip,
    /// SigLIP and SigLIP 2 of a fixed resolution, their weights on disk.
    Siglip,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starter => "starter",
            Self::Clip => "clip",
            Self::Siglip => "siglip",
        })
    }
}

/// What an encoder is and how its cosines turn into logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Kind of encoder.
    pub family: Family,
    /// Name that `--model` takes: one of the list, `org/name` or `org/name@revision` on the hub, or the absolute path of the
    /// model's directory.
    pub name: String,
    /// Length of its vectors.
    pub dim: usize,
    /// Factor that turns a cosine into a softmax logit (CLIP's exp(logit_scale)).
    pub logit_scale: f32,
    /// Added to the scaled cosine before a sigmoid; 0 for softmax models.
    pub logit_bias: f32,
    /// Side of the square input image in pixels.
    pub image_size: usize,
    /// What tells its vectors from every other encoder's.
    pub fingerprint: Fingerprint,
}
