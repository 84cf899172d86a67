use candle_core::{DType, Result as TensorResult, Tensor};

use super::Accelerator;
use super::parts::{DeviceParts, Linear, Norm};
use super::transformer::{TOKENS_AT_ONCE, Transformer};
use crate::encoder::towers::{VisionConfig, VisionNames, first_states};
use crate::encoder::{Embeddings, EncoderError, Identity, ImageEncoder, Pixels, Preprocess};
use crate::rgb::RgbImage;

/// Channels of a photograph.
const RGB: usize = 3;

/// The image tower up to its pooling: a Vision Transformer (Dosovitskiy et al., 2021).
pub(in crate::encoder) struct DeviceVisionTower {
    accelerator: Accelerator,
    config: VisionConfig,
    embedding: Linear,
    /// What each token begins with, `[tokens, width]`: its position, and the class.
    base: Tensor,
    /// Whether the first token is the class.
    class: bool,
    first_norm: Option<Norm>,
    transformer: Transformer,
}

impl DeviceVisionTower {
    /// Reads the tower.
    pub(in crate::encoder) fn load(
        parts: &DeviceParts<'_>,
        config: &VisionConfig,
        names: &VisionNames,
    ) -> Result<Self, EncoderError> {
        let (width, side) = (config.transformer.width, config.patch_size);
        let first_norm = names.first_norm.map(|name| parts.norm(name, &config.transformer));
        let base = first_states(parts.weights, config, names)?;
        let tokens = base.len() / width;
        Ok(Self {
            accelerator: parts.accelerator.clone(),
            config: *config,
            embedding: parts.linear(
                &[names.patches],
                names.patches_bias.as_slice(),
                &[width, RGB, side, side],
            )?,
            base: parts.exact_tensor(base, (tokens, width))?,
            class: names.class.is_some(),
            first_norm: first_norm.transpose()?,
            transformer: Transformer::load(parts, &config.transformer, (names.layers, names.layer), false)?,
        })
    }

    /// Tokens of one image.
    pub(in crate::encoder) fn tokens(&self) -> usize {
        self.config.grid() * self.config.grid() + usize::from(self.class)
    }

    /// The last states `[images * tokens, width]`.
    fn forward(&self, images: &[&Pixels]) -> Result<Tensor, EncoderError> {
        let size = self.config.image_size;
        let fits = |image: &Pixels| image.size == size && image.data.len() == RGB * size * size;
        if let Some(image) = images.iter().find(|image| !fits(image)) {
            return Err(EncoderError::InputSize {
                expected: size,
                got: image.size,
            });
        }
        let planes = images
            .iter()
            .map(|image| image.data.as_slice())
            .collect::<Vec<_>>()
            .concat();
        let states = self.embed(planes, images.len())?;
        Ok(self.transformer.forward(states, [images.len(), self.tokens()])?)
    }

    /// The tokens that the first layer reads: each patch's product with the weights, on top of the base.
    fn embed(&self, planes: Vec<f32>, images: usize) -> TensorResult<Tensor> {
        let (size, side, grid) = (self.config.image_size, self.config.patch_size, self.config.grid());
        // Pixels that fill no patch are left out at the right and the bottom.
        let used = grid * side;
        let planes = Tensor::from_vec(planes, (images, RGB, size, size), &self.accelerator.tensors)?;
        let planes = planes.narrow(2, 0, used)?.narrow(3, 0, used)?;
        let patches = planes.reshape(&[images, RGB, grid, side, grid, side])?;
        let patches = patches.permute([0, 2, 4, 1, 3, 5])?.to_dtype(self.accelerator.dtype)?;
        let patches = patches.reshape((images * grid * grid, RGB * side * side))?;
        let embedded = self.embedding.forward(&patches)?.reshape((images, grid * grid, ()))?;
        let states = embedded.to_dtype(DType::F32)?;
        let states = states.pad_with_zeros(1, usize::from(self.class), 0)?;
        let states = states.broadcast_add(&self.base)?.flatten_to(1)?;
        match &self.first_norm {
            Some(norm) => norm.forward(&states),
            None => Ok(states),
        }
    }
}

/// How a family makes one vector of an image's last states.
pub(in crate::encoder) trait DevicePool: Send + Sync {
    /// One vector an image, `[images, dim]`, of any length, of states `[images * tokens, width]`.
    fn pool(&self, states: &Tensor, images: usize) -> TensorResult<Tensor>;
}

/// The image side of a family that has a [`DeviceVisionTower`].
pub(in crate::encoder) struct DeviceImageEncoder<P> {
    pub(in crate::encoder) identity: Identity,
    pub(in crate::encoder) preprocess: Preprocess,
    pub(in crate::encoder) tower: DeviceVisionTower,
    pub(in crate::encoder) pool: P,
}

impl<P: DevicePool> ImageEncoder for DeviceImageEncoder<P> {
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
        let mut vectors = Vec::with_capacity(batch.len() * self.identity.dim);
        for images in batch.chunks((TOKENS_AT_ONCE / self.tower.tokens()).max(1)) {
            let pooled = self.pool.pool(&self.tower.forward(images)?, images.len())?;
            vectors.extend(pooled.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
        }
        Embeddings::normalized(&self.identity, vectors)
    }
}
