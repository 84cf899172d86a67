//! SigLIP (Zhai et al., 2023) and the fixed-resolution models of SigLIP 2 (Tschannen et al., 2025), in the files of
//! transformers' `SiglipModel`.

mod config;
#[cfg(any(test, feature = "accelerator"))]
mod device;
mod pool;

use std::borrow::Cow;

use self::config::SiglipConfig;
use self::pool::ProbePool;
use super::checkpoint::Checkpoint;
#[cfg(any(test, feature = "accelerator"))]
use super::device::Accelerator;
use super::models::FamilyModel;
use super::tokenizer::TextTokenizer;
use super::towers::{
    Compute, Projection, Sequences, TRANSFORMERS_LAYER, TextNames, TextTower, TowerImageEncoder, TowerTextEncoder,
    VisionNames, VisionTower,
};
use super::{EncoderError, Family, Identity, ImageEncoder, TextEncoder};

static VISION: VisionNames = VisionNames {
    class: None,
    patches: "vision_model.embeddings.patch_embedding.weight",
    patches_bias: Some("vision_model.embeddings.patch_embedding.bias"),
    positions: "vision_model.embeddings.position_embedding.weight",
    first_norm: None,
    layers: "vision_model.encoder.layers",
    layer: &TRANSFORMERS_LAYER,
};

static TEXT: TextNames = TextNames {
    words: "text_model.embeddings.token_embedding.weight",
    positions: "text_model.embeddings.position_embedding.weight",
    layers: "text_model.encoder.layers",
    layer: &TRANSFORMERS_LAYER,
    last_norm: "text_model.final_layer_norm",
};

/// A SigLIP model whose configuration was read.
#[derive(Debug)]
pub(super) struct SiglipModel {
    checkpoint: Checkpoint,
    config: SiglipConfig,
    identity: Identity,
}

impl SiglipModel {
    /// Reads the configuration of a directory that transformers saved.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] where it is damaged or impossible.
    pub(super) fn open(checkpoint: Checkpoint) -> Result<Self, EncoderError> {
        let config = SiglipConfig::read(&checkpoint)?;
        let weights = checkpoint.weights()?;
        let identity = Identity {
            family: Family::Siglip,
            name: checkpoint.name().to_owned(),
            dim: config.vision.transformer.width,
            // Stored as its logarithm.
            logit_scale: weights.scalar("logit_scale")?.exp(),
            logit_bias: weights.scalar("logit_bias")?,
            image_size: config.vision.image_size,
            fingerprint: checkpoint.fingerprint()?,
        };
        Ok(Self {
            checkpoint,
            config,
            identity,
        })
    }

    fn load_text(&self, compute: Compute) -> Result<TowerTextEncoder<Padded>, EncoderError> {
        let (config, dim) = (&self.config.text, self.identity.dim);
        let side = (&self.identity.fingerprint, "text");
        self.checkpoint.load_side(side, compute.of_many_tokens(), |parts| {
            let exact = compute.exact();
            let projection = Projection {
                compute: exact,
                norm: parts.norm(TEXT.last_norm, &config.transformer)?,
                matrix: parts.modules(exact, &["text_model.head"], [dim, config.transformer.width])?,
            };
            let (tokenizer, tower) = rayon::join(
                || TextTokenizer::load(&self.checkpoint, config.longest),
                || TextTower::load(parts, config, &TEXT, Padded::CAUSAL, projection),
            );
            let tokenizer = tokenizer?;
            Ok(TowerTextEncoder {
                identity: self.identity.clone(),
                sequences: self.sequences(&tokenizer),
                tokenizer,
                tower: tower?,
            })
        })
    }

    fn sequences(&self, tokenizer: &TextTokenizer) -> Padded {
        Padded {
            length: self.config.text.longest,
            pad: self.config.pad(tokenizer),
            canonical: self.config.canonical_text,
        }
    }

    fn load_image(&self, compute: Compute) -> Result<TowerImageEncoder<ProbePool>, EncoderError> {
        let side = (&self.identity.fingerprint, "image");
        self.checkpoint.load_side(side, compute.of_many_tokens(), |parts| {
            let tower = VisionTower::load(parts, &self.config.vision, &VISION)?;
            Ok(TowerImageEncoder {
                identity: self.identity.clone(),
                preprocess: self.config.preprocess,
                pool: ProbePool::load(parts, &self.config.vision.transformer, tower.tokens())?,
                tower,
            })
        })
    }
}

impl FamilyModel for SiglipModel {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn image_encoder(&self, compute: Compute) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        Ok(Box::new(self.load_image(compute)?))
    }

    fn text_encoder(&self, compute: Compute) -> Result<Box<dyn TextEncoder>, EncoderError> {
        Ok(Box::new(self.load_text(compute)?))
    }

    #[cfg(any(test, feature = "accelerator"))]
    fn image_encoder_on(&self, accelerator: &Accelerator) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        Ok(Box::new(self.load_image_on(accelerator)?))
    }

    #[cfg(any(test, feature = "accelerator"))]
    fn text_encoder_on(&self, accelerator: &Accelerator) -> Result<Box<dyn TextEncoder>, EncoderError> {
        Ok(Box::new(self.load_text_on(accelerator)?))
    }
}

/// Every text is padded to the model's length, and every token attends to all, padding included: that is how these
/// models were trained.
struct Padded {
    length: usize,
    pad: u32,
    /// Whether punctuation goes and white space shrinks, as SigLIP was trained and SigLIP 2 was not.
    canonical: bool,
}

impl Sequences for Padded {
    const CAUSAL: bool = false;

    fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let lower = text.to_lowercase();
        if !self.canonical {
            return Cow::Owned(lower);
        }
        let words: String = lower.chars().filter(|c| !c.is_ascii_punctuation()).collect();
        Cow::Owned(words.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn finish(&self, ids: &mut Vec<u32>) {
        ids.resize(self.length, self.pad);
    }
}

#[cfg(test)]
mod tests;
