//! The image tower of the first CLIP models, as in open_clip's `ModifiedResNet`: a ResNet (He et al., 2016) whose stem is
//! three convolutions, which takes means of 2 x 2 positions where others step, and which ends with attention.
//!
//! Activations lie in memory as `[height, width, channels]`: a 1x1 convolution is then a plain matrix product.

mod convolution;
mod pool;

use candle_core::{Device, Result as TensorResult, Tensor};
use rayon::prelude::*;

use self::convolution::{Dense, Folded, Pointwise};
use self::pool::AttentionPool;
use crate::encoder::ops::{BiasRelu, Halve};
use crate::encoder::towers::{Parts, in_range};
use crate::encoder::weights::Weights;
use crate::encoder::{Embeddings, EncoderError, Identity, ImageEncoder, Pixels, Preprocess};
use crate::rgb::RgbImage;

/// Channels of a photograph.
const RGB: usize = 3;
/// Blocks lie in this many stages; each but the first halves the map and doubles the channels.
const STAGES: usize = 4;
/// A block's output has this many times the channels of its inner convolutions.
const EXPANSION: usize = 4;
/// Side of the input over the side of the last map: the stem halves twice, the stages three times.
const REDUCTION: usize = 32;

/// What the tower is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ResNetConfig {
    /// Side of the square input in pixels.
    pub(super) image_size: usize,
    /// Channels after the stem.
    pub(super) width: usize,
    /// Number of blocks of each stage.
    pub(super) blocks: [usize; STAGES],
    /// Values of a head of the last attention.
    pub(super) head_width: usize,
}

impl ResNetConfig {
    /// Says what makes these sizes impossible, where anything does.
    pub(super) fn check(&self) -> Result<(), String> {
        in_range("image_size", self.image_size)?;
        in_range("width", self.width)?;
        in_range("head_width", self.head_width)?;
        self.blocks.iter().try_for_each(|blocks| in_range("layers", *blocks))?;
        if !self.image_size.is_multiple_of(REDUCTION) {
            return Err(format!(
                "image_size {} is not a multiple of {REDUCTION}, by which a ResNet reduces it",
                self.image_size
            ));
        }
        if self.width < 2 {
            return Err("width is 1, of which the stem has half".to_owned());
        }
        if !self.features().is_multiple_of(self.head_width) {
            return Err(format!(
                "the {} features of a ResNet of width {} are not a multiple of head_width {}",
                self.features(),
                self.width,
                self.head_width
            ));
        }
        Ok(())
    }

    /// Channels inside the blocks of `stage`.
    fn inner(&self, stage: usize) -> usize {
        self.width << stage
    }

    /// Channels of the last map.
    fn features(&self) -> usize {
        self.inner(STAGES - 1) * EXPANSION
    }
}

/// The convolutional network and its pooling.
pub(super) struct ResNet {
    image_size: usize,
    stem: [Dense; 3],
    blocks: Vec<Block>,
    pool: AttentionPool,
}

/// Three convolutions, the first and last of which change the number of channels, and a residual around them.
struct Block {
    first: Pointwise,
    second: Dense,
    /// Whether the map is halved before the last convolution.
    halves: bool,
    /// `[out, inner]`.
    third: Tensor,
    /// `[out, in]`: what makes the residual as large as the output, where it is not.
    shortcut: Option<Tensor>,
    /// Bias of the last convolution and of the shortcut.
    sum: BiasRelu,
}

impl ResNet {
    /// Reads the tower; its vectors have `dim` values.
    pub(super) fn load(parts: &Parts<'_>, config: &ResNetConfig, dim: usize) -> Result<Self, EncoderError> {
        let weights = parts.weights;
        let (width, half) = (config.width, config.width / 2);
        let stem = |index: usize, stride: usize, [out, input]: [usize; 2]| {
            let (convolution, norm) = (format!("visual.conv{index}"), format!("visual.bn{index}"));
            Dense::load(weights, (&convolution, &norm), [out, input], stride)
        };
        let stem = [
            stem(1, 2, [half, RGB])?,
            stem(2, 1, [half, half])?,
            stem(3, 1, [width, half])?,
        ];
        let mut blocks = Vec::new();
        for (stage, count) in config.blocks.into_iter().enumerate() {
            let stage: Vec<Block> = (0..count)
                .into_par_iter()
                .map(|index| Block::load(weights, config, stage, index))
                .collect::<Result<_, _>>()?;
            blocks.extend(stage);
        }
        let side = config.image_size / REDUCTION;
        let features = config.features();
        Ok(Self {
            image_size: config.image_size,
            stem,
            blocks,
            pool: AttentionPool::load(parts, side * side, [features, dim], features / config.head_width)?,
        })
    }

    /// The vector of one image, of any length.
    fn vector(&self, image: &Pixels) -> Result<Vec<f32>, EncoderError> {
        let size = self.image_size;
        if image.size != size || image.data.len() != RGB * size * size {
            return Err(EncoderError::InputSize {
                expected: size,
                got: image.size,
            });
        }
        self.pool.forward(&self.map(&interleaved(image)?)?)
    }

    /// `[size, size, 3]` to the last map, `[size / 32, size / 32, features]`.
    fn map(&self, image: &Tensor) -> TensorResult<Tensor> {
        let mut map = image.clone();
        for convolution in &self.stem {
            map = convolution.forward(&map)?;
        }
        map = map.apply_op1_no_bwd(&Halve)?;
        for block in &self.blocks {
            map = block.forward(&map)?;
        }
        Ok(map)
    }
}

impl Block {
    fn load(weights: &Weights, config: &ResNetConfig, stage: usize, index: usize) -> Result<Self, EncoderError> {
        let inner = config.inner(stage);
        let out = inner * EXPANSION;
        let input = match (stage, index) {
            (0, 0) => config.width,
            (_, 0) => out / 2,
            _ => out,
        };
        let name = |part: &str| format!("visual.layer{}.{index}.{part}", stage + 1);
        let third = Folded::load(weights, (&name("conv3"), &name("bn3")), [out, inner, 1])?;
        let (mut bias, mut shortcut) = (third.bias, None);
        // Only the first block of a stage changes the map's channels, and only there the map is halved.
        if index == 0 {
            let names = (&*name("downsample.0"), &*name("downsample.1"));
            let folded = Folded::load(weights, names, [out, input, 1])?;
            bias.iter_mut()
                .zip(folded.bias)
                .for_each(|(sum, shortcut)| *sum += shortcut);
            shortcut = Some(folded.weight);
        }
        Ok(Self {
            first: Pointwise::load(weights, (&name("conv1"), &name("bn1")), [inner, input])?,
            second: Dense::load(weights, (&name("conv2"), &name("bn2")), [inner, inner], 1)?,
            halves: index == 0 && stage > 0,
            third: third.weight,
            shortcut,
            sum: BiasRelu::new(bias),
        })
    }

    fn forward(&self, input: &Tensor) -> TensorResult<Tensor> {
        let mut inner = self.second.forward(&self.first.forward(input)?)?;
        let mut residual = input.clone();
        if self.halves {
            inner = inner.apply_op1_no_bwd(&Halve)?;
            residual = residual.apply_op1_no_bwd(&Halve)?;
        }
        if let Some(shortcut) = &self.shortcut {
            residual = convolution::product(&residual, shortcut)?;
        }
        let output = convolution::product(&inner, &self.third)?;
        output.inplace_op2(&residual, &self.sum)?;
        Ok(output)
    }
}

/// The planes of an image as one map `[size, size, 3]`.
fn interleaved(image: &Pixels) -> TensorResult<Tensor> {
    let mut values = vec![0.0; image.data.len()];
    for (channel, plane) in image.data.chunks_exact(image.size * image.size).enumerate() {
        for (pixel, value) in values.chunks_exact_mut(RGB).zip(plane) {
            pixel[channel] = *value;
        }
    }
    Tensor::from_vec(values, (image.size, image.size, RGB), &Device::Cpu)
}

/// The image side of a CLIP model that has a [`ResNet`].
pub(super) struct ResNetImageEncoder {
    pub(super) identity: Identity,
    pub(super) preprocess: Preprocess,
    pub(super) network: ResNet,
}

impl ImageEncoder for ResNetImageEncoder {
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
        // One image a task: its maps are large enough to make the products efficient.
        let vectors: Vec<Vec<f32>> = batch
            .par_iter()
            .map(|image| self.network.vector(image))
            .collect::<Result<_, _>>()?;
        Embeddings::normalized(&self.identity, vectors.concat())
    }
}

#[cfg(test)]
mod tests;
