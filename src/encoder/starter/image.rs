use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::bridge::ConceptBridge;
use super::config::Config;
use super::efficientnet::EfficientNet;
use super::stem::RGB;
use super::{FINGERPRINT, IMAGE_WEIGHTS, NAME, identity};
use crate::encoder::cache::Cache;
use crate::encoder::packed::{PackedStore, Stamp};
use crate::encoder::towers::{Compute, Parts};
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
    /// Reads the image weights. Whatever the precision, they are multiplied in f32: what lower ones cost was measured for
    /// texts alone.
    pub(in crate::encoder) fn load(compute: Compute, cache: &Cache) -> Result<Self, EncoderError> {
        let (config, compute) = (Config::parse(super::CONFIG)?, compute.exact());
        let weights = Weights::parse(NAME, [("image.safetensors", IMAGE_WEIGHTS)])?;
        let packed = PackedStore::open(cache, (&FINGERPRINT, "image"), Stamp::of_content(&FINGERPRINT), compute);
        let parts = Parts {
            weights: &weights,
            compute,
            packed: &packed,
        };
        let encoder = Self {
            preprocess: super::preprocess(&config.image),
            network: EfficientNet::load(&parts, &config.image)?,
            bridge: ConceptBridge::load(&weights, &config.image, config.dim)?,
            identity: identity(&config),
        };
        packed.finish();
        Ok(encoder)
    }

    fn features(&self, pixels: &Pixels) -> Result<Vec<f32>, EncoderError> {
        let expected = self.identity.image_size;
        if pixels.size != expected || pixels.data.len() != RGB * expected * expected {
            return Err(EncoderError::InputSize {
                expected,
                got: pixels.size,
            });
        }
        Ok(self.network.features(&pixels.data)?)
    }
}

impl ImageEncoder for StarterImageEncoder {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn enough_pixels(&self) -> u32 {
        self.preprocess.enough_pixels()
    }

    fn preprocess(&self, image: &RgbImage) -> Result<Pixels, EncoderError> {
        self.preprocess.apply(image)
    }

    fn embed(&self, batch: &[&Pixels]) -> Result<Embeddings, EncoderError> {
        // One image a task keeps a thread's activations in its own cache.
        let features: Vec<Vec<f32>> = batch
            .par_iter()
            .map(|pixels| self.features(pixels))
            .collect::<Result<_, _>>()?;
        let mut values = Vec::new();
        if !features.is_empty() {
            let features = Tensor::from_vec(features.concat(), (batch.len(), ()), &Device::Cpu)?;
            values = self.bridge.forward(&features)?.flatten_all()?.to_vec1::<f32>()?;
        }
        Embeddings::normalized(&self.identity, values)
    }
}
