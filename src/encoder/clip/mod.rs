//! CLIP (Radford et al., 2021): checkpoints of OpenAI, LAION, DataComp, MetaCLIP and TinyCLIP, in the files of
//! transformers' `CLIPModel` or of open_clip. The image tower is a Vision Transformer or, in open_clip's files, a ResNet.

mod config;
mod names;
mod resnet;

use std::borrow::Cow;

use candle_core::{Result as TensorResult, Tensor};

use self::config::{ClipConfig, EndOfText, ImageTower};
use self::names::Names;
use self::resnet::{ResNet, ResNetConfig, ResNetImageEncoder};
use super::checkpoint::Checkpoint;
use super::models::FamilyModel;
use super::ops::Norm;
use super::tokenizer::TextTokenizer;
use super::towers::{
    Pool, Projection, Sequences, TextTower, TowerImageEncoder, TowerTextEncoder, VisionConfig, VisionTower, load_norm,
    rows_at,
};
use super::weights::Weights;
use super::{EncoderError, Family, Identity, ImageEncoder, TextEncoder};

/// A CLIP model whose configuration was read.
#[derive(Debug)]
pub(super) struct ClipModel {
    checkpoint: Checkpoint,
    config: ClipConfig,
    names: &'static Names,
    identity: Identity,
}

impl ClipModel {
    /// Reads the configuration of a directory that transformers saved.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] where it is damaged or impossible.
    pub(super) fn open(checkpoint: Checkpoint) -> Result<Self, EncoderError> {
        let config = ClipConfig::read(&checkpoint)?;
        Self::with(checkpoint, config, &names::TRANSFORMERS)
    }

    /// Reads the configuration of a directory that open_clip saved; errors as for [`Self::open`].
    pub(super) fn open_open_clip(checkpoint: Checkpoint) -> Result<Self, EncoderError> {
        let config = ClipConfig::read_open_clip(&checkpoint)?;
        Self::with(checkpoint, config, &names::OPEN_CLIP)
    }

    fn with(checkpoint: Checkpoint, config: ClipConfig, names: &'static Names) -> Result<Self, EncoderError> {
        let identity = Identity {
            family: Family::Clip,
            name: checkpoint.name().to_owned(),
            dim: config.dim,
            // Stored as its logarithm.
            logit_scale: checkpoint.weights()?.scalar("logit_scale")?.exp(),
            logit_bias: 0.0,
            image_size: config.vision.image_size(),
            fingerprint: checkpoint.fingerprint()?,
        };
        Ok(Self {
            checkpoint,
            config,
            names,
            identity,
        })
    }

    /// A projection `[width, dim]` without bias.
    fn projection(&self, weights: &Weights, name: &str, width: usize) -> Result<Projection, EncoderError> {
        let dim = self.config.dim;
        let weight = if self.names.projections_transposed {
            weights.matrix(name, &[width, dim])?
        } else {
            weights.matrix(name, &[dim, width])?.t()?
        };
        Ok(Projection { weight, bias: None })
    }

    fn load_text(&self) -> Result<TowerTextEncoder<CutAfterEnd>, EncoderError> {
        let (config, names) = (&self.config.text, self.names);
        let weights = self.checkpoint.weights()?;
        let projection = self.projection(&weights, names.text_projection, config.transformer.width)?;
        let (tokenizer, tower) = rayon::join(
            || TextTokenizer::load(&self.checkpoint, config.longest),
            || TextTower::load(&weights, config, &names.text, CutAfterEnd::CAUSAL, projection),
        );
        Ok(TowerTextEncoder {
            identity: self.identity.clone(),
            tokenizer: tokenizer?,
            sequences: CutAfterEnd(self.config.end_of_text),
            tower: tower?,
        })
    }

    fn load_transformer(&self, config: &VisionConfig) -> Result<TowerImageEncoder<ClassToken>, EncoderError> {
        let (weights, names) = (self.checkpoint.weights()?, self.names);
        let tower = VisionTower::load(&weights, config, &names.vision)?;
        Ok(TowerImageEncoder {
            identity: self.identity.clone(),
            preprocess: self.config.preprocess,
            pool: ClassToken {
                tokens: tower.tokens(),
                norm: load_norm(&weights, names.image_norm, &config.transformer)?,
                projection: self.projection(&weights, names.image_projection, config.transformer.width)?,
            },
            tower,
        })
    }

    fn load_resnet(&self, config: &ResNetConfig) -> Result<ResNetImageEncoder, EncoderError> {
        let weights = self.checkpoint.weights()?;
        Ok(ResNetImageEncoder {
            identity: self.identity.clone(),
            preprocess: self.config.preprocess,
            network: ResNet::load(&weights, config, self.config.dim)?,
        })
    }
}

impl FamilyModel for ClipModel {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn image_encoder(&self) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        Ok(match &self.config.vision {
            ImageTower::Transformer(config) => Box::new(self.load_transformer(config)?),
            ImageTower::ResNet(config) => Box::new(self.load_resnet(config)?),
        })
    }

    fn text_encoder(&self) -> Result<Box<dyn TextEncoder>, EncoderError> {
        Ok(Box::new(self.load_text()?))
    }
}

/// An image's vector is the class token's last state, normalised and projected.
struct ClassToken {
    tokens: usize,
    norm: Norm,
    projection: Projection,
}

impl Pool for ClassToken {
    fn pool(&self, states: &Tensor, images: usize) -> TensorResult<Tensor> {
        let class = rows_at(states, (0..images).map(|image| image * self.tokens))?;
        self.projection.forward(&class.apply_op1_no_bwd(&self.norm)?)
    }
}

/// A text's vector is the state of the token that ends it. Attention is causal, so what comes after that token, padding
/// above all, cannot change it: cutting the sequence there is exact.
struct CutAfterEnd(EndOfText);

impl Sequences for CutAfterEnd {
    const CAUSAL: bool = true;

    fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }

    fn finish(&self, ids: &mut Vec<u32>) {
        ids.truncate(self.0.position(ids) + 1);
    }
}

#[cfg(test)]
mod tests;
