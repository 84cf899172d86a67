//! CLIP (Radford et al., 2021): checkpoints of OpenAI, LAION, DataComp, MetaCLIP and TinyCLIP, in the files of
//! transformers' `CLIPModel` or of open_clip. The image tower is a Vision Transformer or, in open_clip's files, a ResNet.

mod config;
#[cfg(any(test, feature = "accelerator"))]
mod device;
mod names;
mod resnet;

use std::borrow::Cow;

use self::config::{ClipConfig, EndOfText, ImageTower};
use self::names::Names;
use self::resnet::{ResNet, ResNetConfig, ResNetImageEncoder};
use super::checkpoint::Checkpoint;
#[cfg(any(test, feature = "accelerator"))]
use super::device::Accelerator;
use super::kernels::KernelError;
use super::models::FamilyModel;
use super::tokenizer::TextTokenizer;
use super::towers::{
    Compute, Parts, Pool, Projection, Sequences, TextTower, TowerImageEncoder, TowerTextEncoder, TransformerConfig,
    VisionConfig, VisionTower, Workspace,
};
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

    /// The end of a tower: the norm and the projection of these names.
    fn projection(
        &self,
        parts: &Parts<'_>,
        (norm, name): (&str, &str),
        config: &TransformerConfig,
    ) -> Result<Projection, EncoderError> {
        let (dim, width, compute) = (self.config.dim, config.width, parts.compute.exact());
        Ok(Projection {
            compute,
            norm: parts.norm(norm, config)?,
            matrix: if self.names.projections_transposed {
                parts.transposed(compute, name, (dim, width))?
            } else {
                parts.linear(compute, &[name], &[], &[dim, width])?
            },
        })
    }

    fn load_text(&self, compute: Compute) -> Result<TowerTextEncoder<CutAfterEnd>, EncoderError> {
        let (config, names) = (&self.config.text, self.names);
        let side = (&self.identity.fingerprint, "text");
        self.checkpoint.load_side(side, compute.of_few_tokens(), |parts| {
            let end = (names.text.last_norm, names.text_projection);
            let projection = self.projection(parts, end, &config.transformer)?;
            let (tokenizer, tower) = rayon::join(
                || TextTokenizer::load(&self.checkpoint, config.longest),
                || TextTower::load(parts, config, &names.text, CutAfterEnd::CAUSAL, projection),
            );
            Ok(TowerTextEncoder {
                identity: self.identity.clone(),
                tokenizer: tokenizer?,
                sequences: CutAfterEnd(self.config.end_of_text),
                tower: tower?,
            })
        })
    }

    fn load_transformer(
        &self,
        config: &VisionConfig,
        compute: Compute,
    ) -> Result<TowerImageEncoder<ClassToken>, EncoderError> {
        let names = self.names;
        let side = (&self.identity.fingerprint, "image");
        self.checkpoint.load_side(side, compute.of_many_tokens(), |parts| {
            let end = (names.image_norm, names.image_projection);
            Ok(TowerImageEncoder {
                identity: self.identity.clone(),
                preprocess: self.config.preprocess,
                pool: ClassToken(self.projection(parts, end, &config.transformer)?),
                tower: VisionTower::load(parts, config, &names.vision)?,
            })
        })
    }

    fn load_resnet(&self, config: &ResNetConfig, compute: Compute) -> Result<ResNetImageEncoder, EncoderError> {
        let side = (&self.identity.fingerprint, "image");
        self.checkpoint.load_side(side, compute, |parts| {
            Ok(ResNetImageEncoder {
                identity: self.identity.clone(),
                preprocess: self.config.preprocess,
                network: ResNet::load(parts, config, self.config.dim)?,
            })
        })
    }
}

impl FamilyModel for ClipModel {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn image_encoder(&self, compute: Compute) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        Ok(match &self.config.vision {
            ImageTower::Transformer(config) => Box::new(self.load_transformer(config, compute)?),
            ImageTower::ResNet(config) => Box::new(self.load_resnet(config, compute)?),
        })
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

/// An image's vector is the class token's last state, normalised and projected.
struct ClassToken(Projection);

impl Pool for ClassToken {
    const TOKEN: Option<usize> = Some(0);

    fn pool(&self, states: &[f32], _: usize, workspace: &mut Workspace) -> Result<Vec<f32>, KernelError> {
        self.0.forward(states, workspace)
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
