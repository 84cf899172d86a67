//! The towers of a CLIP model on one of candle's devices.

use candle_core::{Result as TensorResult, Tensor};

use super::config::ImageTower;
use super::{ClipModel, CutAfterEnd};
use crate::encoder::EncoderError;
use crate::encoder::device::{
    Accelerator, DeviceImageEncoder, DeviceParts, DevicePool, DeviceTextTower, DeviceVisionTower, Projection,
};
use crate::encoder::tokenizer::TextTokenizer;
use crate::encoder::towers::{Sequences, TowerTextEncoder, TransformerConfig};

impl ClipModel {
    /// Loads the image side onto a device.
    ///
    /// # Errors
    /// Besides those of the weights, [`EncoderError::CpuOnly`] for a ResNet.
    pub(super) fn load_image_on(
        &self,
        accelerator: &Accelerator,
    ) -> Result<DeviceImageEncoder<DeviceClassToken>, EncoderError> {
        let ImageTower::Transformer(config) = &self.config.vision else {
            let what = format!("the image side of model '{}', a ResNet,", self.identity.name);
            return Err(EncoderError::CpuOnly(what));
        };
        let weights = self.checkpoint.weights()?;
        let parts = DeviceParts {
            weights: &weights,
            accelerator,
        };
        let end = (self.names.image_norm, self.names.image_projection);
        let tower = DeviceVisionTower::load(&parts, config, &self.names.vision)?;
        Ok(DeviceImageEncoder {
            identity: self.identity.clone(),
            preprocess: self.config.preprocess,
            pool: DeviceClassToken {
                tokens: tower.tokens(),
                projection: self.projection_on(&parts, end, &config.transformer)?,
            },
            tower,
        })
    }

    /// Loads the tokenizer, and the text side onto a device.
    pub(super) fn load_text_on(
        &self,
        accelerator: &Accelerator,
    ) -> Result<TowerTextEncoder<CutAfterEnd, DeviceTextTower>, EncoderError> {
        let (config, names) = (&self.config.text, &self.names.text);
        let weights = self.checkpoint.weights()?;
        let parts = DeviceParts {
            weights: &weights,
            accelerator,
        };
        let end = (names.last_norm, self.names.text_projection);
        let projection = self.projection_on(&parts, end, &config.transformer)?;
        Ok(TowerTextEncoder {
            identity: self.identity.clone(),
            tokenizer: TextTokenizer::load(&self.checkpoint, config.longest)?,
            sequences: CutAfterEnd(self.config.end_of_text),
            tower: DeviceTextTower::load(&parts, config, names, CutAfterEnd::CAUSAL, projection)?,
        })
    }

    fn projection_on(
        &self,
        parts: &DeviceParts<'_>,
        (norm, name): (&str, &str),
        config: &TransformerConfig,
    ) -> Result<Projection, EncoderError> {
        let (dim, width) = (self.config.dim, config.width);
        let accelerator = parts.accelerator.exact();
        let exact = DeviceParts {
            accelerator: &accelerator,
            ..*parts
        };
        Ok(Projection {
            norm: exact.norm(norm, config)?,
            matrix: if self.names.projections_transposed {
                exact.transposed(name, [width, dim])?
            } else {
                exact.linear(&[name], &[], &[dim, width])?
            },
        })
    }
}

/// As `ClassToken`, for states on a device.
pub(super) struct DeviceClassToken {
    tokens: usize,
    projection: Projection,
}

impl DevicePool for DeviceClassToken {
    fn pool(&self, states: &Tensor, images: usize) -> TensorResult<Tensor> {
        let states = states.reshape((images, self.tokens, ()))?;
        self.projection.forward(&states.narrow(1, 0, 1)?.squeeze(1)?)
    }
}

#[cfg(test)]
mod tests;
