//! The towers of a SigLIP model on one of candle's devices.

use candle_core::{DType, Result as TensorResult, Tensor};

use super::pool::{FEED_FORWARD, FEED_FORWARD_NORM, LAST_NORM, OUTPUT, PRODUCTS, PRODUCTS_BIAS, probe_query};
use super::{Padded, SiglipModel, TEXT, VISION};
use crate::encoder::EncoderError;
use crate::encoder::device::{
    Accelerator, DeviceImageEncoder, DeviceParts, DevicePool, DeviceTextTower, DeviceVisionTower, FeedForward, Linear,
    Norm, Projection, attend, heads_first,
};
use crate::encoder::tokenizer::TextTokenizer;
use crate::encoder::towers::{Sequences, TowerTextEncoder, TransformerConfig};

impl SiglipModel {
    /// Loads the image side onto a device.
    pub(super) fn load_image_on(
        &self,
        accelerator: &Accelerator,
    ) -> Result<DeviceImageEncoder<DeviceProbePool>, EncoderError> {
        let config = &self.config.vision;
        let weights = self.checkpoint.weights()?;
        let parts = DeviceParts {
            weights: &weights,
            accelerator,
        };
        let tower = DeviceVisionTower::load(&parts, config, &VISION)?;
        Ok(DeviceImageEncoder {
            identity: self.identity.clone(),
            preprocess: self.config.preprocess,
            pool: DeviceProbePool::load(&parts, &config.transformer, tower.tokens())?,
            tower,
        })
    }

    /// Loads the tokenizer, and the text side onto a device.
    pub(super) fn load_text_on(
        &self,
        accelerator: &Accelerator,
    ) -> Result<TowerTextEncoder<Padded, DeviceTextTower>, EncoderError> {
        let (config, dim) = (&self.config.text, self.identity.dim);
        let weights = self.checkpoint.weights()?;
        let parts = DeviceParts {
            weights: &weights,
            accelerator,
        };
        let accelerator = accelerator.exact();
        let exact = DeviceParts {
            accelerator: &accelerator,
            ..parts
        };
        let projection = Projection {
            norm: exact.norm(TEXT.last_norm, &config.transformer)?,
            matrix: exact.module("text_model.head", [dim, config.transformer.width])?,
        };
        let tokenizer = TextTokenizer::load(&self.checkpoint, config.longest)?;
        Ok(TowerTextEncoder {
            identity: self.identity.clone(),
            sequences: self.sequences(&tokenizer),
            tokenizer,
            tower: DeviceTextTower::load(&parts, config, &TEXT, Padded::CAUSAL, projection)?,
        })
    }
}

/// As `ProbePool`, for states on a device.
pub(super) struct DeviceProbePool {
    heads: usize,
    tokens: usize,
    norm: Norm,
    /// The probe as attention's query, scaled, `[1, heads, 1, width / heads]`.
    query: Tensor,
    /// Outputs `2 * width`.
    key_value: Linear,
    output: Linear,
    feed_forward: FeedForward,
}

impl DeviceProbePool {
    fn load(parts: &DeviceParts<'_>, config: &TransformerConfig, tokens: usize) -> Result<Self, EncoderError> {
        let (width, heads) = (config.width, config.heads);
        let query = probe_query(parts.weights, config)?;
        Ok(Self {
            heads,
            tokens,
            norm: parts.norm(LAST_NORM, config)?,
            query: parts.tensor(query, (1, heads, 1, width / heads))?,
            key_value: parts.linear_below(PRODUCTS, PRODUCTS_BIAS, [3 * width, width], width)?,
            output: parts.module(OUTPUT, [width, width])?,
            feed_forward: FeedForward::load(parts, config, FEED_FORWARD_NORM, FEED_FORWARD)?,
        })
    }
}

impl DevicePool for DeviceProbePool {
    fn pool(&self, states: &Tensor, images: usize) -> TensorResult<Tensor> {
        let products = self.key_value.forward(&self.norm.forward(states)?)?;
        let products = heads_first(&products, [images, self.tokens, self.heads], 2)?;
        let query = self.query.repeat((images, 1, 1, 1))?;
        let pooled = attend(&query, &products.get(0)?, &products.get(1)?, None)?;
        let pooled = self.output.forward(&pooled)?.to_dtype(DType::F32)?;
        self.feed_forward.forward(&pooled)
    }
}

#[cfg(test)]
mod tests;
