use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::Config;
use super::efficientnet::{ConceptBridge, EfficientNet};
use super::{IMAGE_WEIGHTS, NAME, identity};
use crate::encoder::weights::Weights;
use crate::encoder::{Embeddings, EncoderError, Identity, ImageEncoder, Pixels, Preprocess};
use crate::rgb::RgbImage;

/// The starter model's image side.
pub(in crate::encoder) struct StarterImageEncoder {
    identity: Identity,
    preprocess: Preprocess,
    network: EfficientNet,
    bridge: ConceptBridge,
}

impl StarterImageEncoder {
    /// Reads and widens the image weights.
    pub(in crate::encoder) fn load() -> Result<Self, EncoderError> {
        let config = Config::parse(super::CONFIG)?;
        let weights = Weights::parse(NAME, [("image.safetensors", IMAGE_WEIGHTS)])?;
        Ok(Self {
            preprocess: super::preprocess(&config.image),
            network: EfficientNet::load(&weights, &config.image)?,
            bridge: ConceptBridge::load(&weights, &config.image, config.dim)?,
            identity: identity(&config),
        })
    }

    fn features(&self, pixels: &Pixels) -> Result<Tensor, EncoderError> {
        let expected = self.identity.image_size;
        if pixels.size != expected {
            return Err(EncoderError::InputSize {
                expected,
                got: pixels.size,
            });
        }
        let image = Tensor::from_slice(&pixels.data, ((), expected, expected), &Device::Cpu)?;
        Ok(self.network.features(&image)?)
    }
}

impl ImageEncoder for StarterImageEncoder {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn preprocess(&self, image: &RgbImage) -> Result<Pixels, EncoderError> {
        self.preprocess.apply(image)
    }

    fn embed(&self, batch: &[&Pixels]) -> Result<Embeddings, EncoderError> {
        // One image a task keeps a thread's activations in its own cache.
        let features: Vec<Tensor> = batch
            .par_iter()
            .map(|pixels| self.features(pixels))
            .collect::<Result<_, _>>()?;
        let mut values = Vec::new();
        if !features.is_empty() {
            values = self
                .bridge
                .forward(&Tensor::cat(&features, 0)?)?
                .flatten_all()?
                .to_vec1::<f32>()?;
        }
        Ok(Embeddings::normalized(self.identity.dim, values))
    }
}
