use candle_core::{Device, Result as TensorResult, Tensor};
use rayon::prelude::*;

use super::VisionConfig;
use super::transformer::{LayerNames, Transformer, load_norm};
use crate::encoder::embedding::BATCH_TOKENS;
use crate::encoder::ops::Norm;
use crate::encoder::weights::Weights;
use crate::encoder::{Embeddings, EncoderError, Identity, ImageEncoder, Pixels, Preprocess};
use crate::rgb::RgbImage;

/// How a file names the parts of the image tower.
#[derive(Debug)]
pub(in crate::encoder) struct VisionNames {
    /// The state that stands for the whole image, where there is one.
    pub(in crate::encoder) class: Option<&'static str>,
    pub(in crate::encoder) patches: &'static str,
    pub(in crate::encoder) patches_bias: Option<&'static str>,
    pub(in crate::encoder) positions: &'static str,
    /// The norm before the first layer, where there is one.
    pub(in crate::encoder) first_norm: Option<&'static str>,
    pub(in crate::encoder) layers: &'static str,
    pub(in crate::encoder) layer: &'static LayerNames,
}

/// The image tower up to its pooling: a Vision Transformer (Dosovitskiy et al., 2021).
pub(in crate::encoder) struct VisionTower {
    image_size: usize,
    patch_size: usize,
    /// `[width, 3 * patch_size * patch_size]`.
    patches: Tensor,
    /// What each token begins with, `[tokens, width]`: its position, and the class or the bias of the patches.
    base: Vec<f32>,
    width: usize,
    /// Whether the first token is the class.
    class: bool,
    first_norm: Option<Norm>,
    transformer: Transformer,
}

impl VisionTower {
    /// Reads the tower.
    pub(in crate::encoder) fn load(
        weights: &Weights,
        config: &VisionConfig,
        names: &VisionNames,
    ) -> Result<Self, EncoderError> {
        let (width, side) = (config.transformer.width, config.patch_size);
        let class = usize::from(names.class.is_some());
        let mut base = weights.values(names.positions, &[config.grid() * config.grid() + class, width])?;
        if let Some(name) = names.class {
            add(&mut base, &weights.values(name, &[width])?);
        }
        if let Some(name) = names.patches_bias {
            let bias = weights.values(name, &[width])?;
            base[class * width..]
                .chunks_exact_mut(width)
                .for_each(|row| add(row, &bias));
        }
        let first_norm = names
            .first_norm
            .map(|name| load_norm(weights, name, &config.transformer));
        Ok(Self {
            image_size: config.image_size,
            patch_size: side,
            patches: weights.matrix(names.patches, &[width, 3, side, side])?,
            base,
            width,
            class: names.class.is_some(),
            first_norm: first_norm.transpose()?,
            transformer: Transformer::load(weights, &config.transformer, (names.layers, names.layer), false)?,
        })
    }

    /// Tokens of one image.
    pub(in crate::encoder) fn tokens(&self) -> usize {
        self.base.len() / self.width
    }

    /// The last states `[images * tokens, width]` of a few images.
    fn forward(&self, images: &[&Pixels]) -> Result<Tensor, EncoderError> {
        let mut states = Tensor::from_vec(
            self.embed(images)?,
            (images.len() * self.tokens(), self.width),
            &Device::Cpu,
        )?;
        if let Some(norm) = &self.first_norm {
            states = states.apply_op1_no_bwd(norm)?;
        }
        Ok(self.transformer.forward(states, &vec![self.tokens(); images.len()])?)
    }

    /// The tokens that the first layer reads: each patch's product with the weights, on top of the base.
    fn embed(&self, images: &[&Pixels]) -> Result<Vec<f32>, EncoderError> {
        let grid = self.image_size / self.patch_size;
        let values = 3 * self.patch_size * self.patch_size;
        let mut patches = Vec::with_capacity(images.len() * grid * grid * values);
        for image in images {
            self.unfold(image, grid, &mut patches)?;
        }
        let patches = Tensor::from_vec(patches, (images.len() * grid * grid, values), &Device::Cpu)?;
        let embedded = patches.matmul(&self.patches.t()?)?.flatten_all()?.to_vec1::<f32>()?;
        let mut tokens = self.base.repeat(images.len());
        let images = tokens.chunks_exact_mut(self.base.len());
        for (tokens, embedded) in images.zip(embedded.chunks_exact(grid * grid * self.width)) {
            add(&mut tokens[usize::from(self.class) * self.width..], embedded);
        }
        Ok(tokens)
    }

    /// Appends the patches of `image`, row by row, each in the order of a PyTorch convolution weight
    /// `[channel, y, x]`.
    fn unfold(&self, image: &Pixels, grid: usize, patches: &mut Vec<f32>) -> Result<(), EncoderError> {
        let (size, side) = (self.image_size, self.patch_size);
        if image.size != size || image.data.len() != 3 * size * size {
            return Err(EncoderError::InputSize {
                expected: size,
                got: image.size,
            });
        }
        for (row, column) in (0..grid * grid).map(|patch| (patch / grid, patch % grid)) {
            for plane in image.data.chunks_exact(size * size) {
                for line in plane.chunks_exact(size).skip(row * side).take(side) {
                    patches.extend_from_slice(&line[column * side..][..side]);
                }
            }
        }
        Ok(())
    }
}

/// How a family makes one vector of an image's last states.
pub(in crate::encoder) trait Pool: Send + Sync {
    /// One vector an image `[images, dim]`, of any length, from states `[images * tokens, width]`.
    fn pool(&self, states: &Tensor, images: usize) -> TensorResult<Tensor>;
}

/// The image side of a family that has a [`VisionTower`].
pub(in crate::encoder) struct TowerImageEncoder<P> {
    pub(in crate::encoder) identity: Identity,
    pub(in crate::encoder) preprocess: Preprocess,
    pub(in crate::encoder) tower: VisionTower,
    pub(in crate::encoder) pool: P,
}

impl<P: Pool> TowerImageEncoder<P> {
    /// Images that go through the tower together: as many as make its products efficient, and no more than gives every
    /// thread its share of `batch` images.
    fn images_at_once(&self, batch: usize) -> usize {
        let share = batch.div_ceil(rayon::current_num_threads());
        (BATCH_TOKENS / self.tower.tokens()).clamp(1, share.max(1))
    }

    fn vectors(&self, images: &[&Pixels]) -> Result<Vec<f32>, EncoderError> {
        let states = self.tower.forward(images)?;
        Ok(self.pool.pool(&states, images.len())?.flatten_all()?.to_vec1()?)
    }
}

impl<P: Pool> ImageEncoder for TowerImageEncoder<P> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn preprocess(&self, image: &RgbImage) -> Result<Pixels, EncoderError> {
        self.preprocess.apply(image)
    }

    fn embed(&self, batch: &[&Pixels]) -> Result<Embeddings, EncoderError> {
        let vectors: Vec<Vec<f32>> = batch
            .par_chunks(self.images_at_once(batch.len()))
            .map(|images| self.vectors(images))
            .collect::<Result<_, _>>()?;
        Ok(Embeddings::normalized(self.identity.dim, vectors.concat()))
    }
}

/// Adds `values` to the beginning of `row`.
fn add(row: &mut [f32], values: &[f32]) {
    row.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
