//! The built-in model, defined by models/starter/README.md: its files are part of the program.

mod bert;
mod bridge;
mod config;
mod efficientnet;
mod image;
mod stem;
mod text;

use config::{Config, ImageConfig};
use image::StarterImageEncoder;
use text::StarterTextEncoder;

use super::cache::Cache;
use super::models::{FamilyModel, ModelInfo};
use super::towers::Compute;
use super::{
    EncoderError, Family, Filter, Fingerprint, Fit, Identity, ImageEncoder, Preprocess, Rounding, TextEncoder,
};

/// Name that `--model` takes.
pub(super) const NAME: &str = "starter";

// Four statics and not one archive: the system reads a page of the program's file when it is first touched, so that a
// text query costs none of the image weights and the other way round.
static CONFIG: &[u8] = include_bytes!("../../../models/starter/config.json");
static IMAGE_WEIGHTS: &[u8] = include_bytes!("../../../models/starter/image.safetensors");
static TEXT_WEIGHTS: &[u8] = include_bytes!("../../../models/starter/text.safetensors");
static TOKENIZER: &[u8] = include_bytes!("../../../models/starter/tokenizer.json");

/// BLAKE3 over config.json, image.safetensors, text.safetensors and tokenizer.json, each as its length (u64, little
/// endian) and its bytes. A constant, because hashing 58 MB at every start would read all the weights.
const FINGERPRINT: Fingerprint = Fingerprint([
    0xae, 0x9b, 0x12, 0x83, 0x6e, 0xfc, 0x9d, 0x52, 0x4a, 0x69, 0x6d, 0xb6, 0x37, 0x66, 0xae, 0x69, 0x47, 0x4f, 0xc8,
    0x18, 0x72, 0xb7, 0x75, 0x0b, 0xf1, 0x1d, 0xb5, 0x04, 0xf3, 0xcc, 0x33, 0xe9,
]);

/// What `clipdex models list` says of it.
pub(super) const INFO: ModelInfo = ModelInfo {
    name: NAME,
    family: Family::Starter,
    dim: 384,
    image_size: 260,
    size_bytes: (CONFIG.len() + IMAGE_WEIGHTS.len() + TEXT_WEIGHTS.len() + TOKENIZER.len()) as u64,
    licence: "Apache-2.0",
    // Its image side was trained on ImageNet-1k, so that its accuracy there is not zero-shot.
    accuracy: None,
    note: "no download; knows what ImageNet's 1,000 classes show and what lies near them in meaning, not people, moods, \
           styles, text in images or most scenes; names the right class of 1,000 first for 90% of ImageNet \
           photographs seen in training (an upper bound; 77% on unseen ones)",
    hub: None,
};

/// The model with its identity, and without its weights.
#[derive(Debug)]
pub(super) struct StarterModel {
    identity: Identity,
    cache: Cache,
}

impl StarterModel {
    /// Reads the configuration. Derived files lie in `cache`.
    pub(super) fn open(cache: Cache) -> Result<Self, EncoderError> {
        Ok(Self {
            identity: identity(&Config::parse(CONFIG)?),
            cache,
        })
    }
}

impl FamilyModel for StarterModel {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn image_encoder(&self, compute: Compute) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        Ok(Box::new(StarterImageEncoder::load(compute, &self.cache)?))
    }

    fn text_encoder(&self, compute: Compute) -> Result<Box<dyn TextEncoder>, EncoderError> {
        Ok(Box::new(StarterTextEncoder::load(compute, &self.cache)?))
    }
}

fn identity(config: &Config) -> Identity {
    Identity {
        family: Family::Starter,
        name: NAME.to_owned(),
        dim: config.dim,
        logit_scale: config.logit_scale,
        logit_bias: 0.0,
        image_size: config.image.size,
        fingerprint: FINGERPRINT,
    }
}

/// The image side's preprocessing; config.json states mean and deviation of pixel values from 0 to 255.
fn preprocess(config: &ImageConfig) -> Preprocess {
    Preprocess {
        size: config.size as u32,
        fit: Fit::Crop {
            resize: config.resize,
            rounding: Rounding::Nearest,
        },
        filter: Filter::Bicubic,
        mean: [config.mean / 255.0; 3],
        std: [config.std / 255.0; 3],
    }
}

#[cfg(test)]
mod tests;
