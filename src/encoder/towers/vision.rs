use rayon::prelude::*;

use super::VisionConfig;
use super::parts::{Compute, Parts};
use super::transformer::{LayerNames, Transformer, Workspace};
use crate::encoder::embedding::BATCH_TOKENS;
use crate::encoder::kernels::{Epilogue, KernelError, Norm, PackedMatrix, Patches};
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
    compute: Compute,
    patches: Patches,
    embedding: PackedMatrix,
    /// What each token begins with, `[tokens, width]`: its position, and the class.
    base: Vec<f32>,
    /// Whether the first token is the class.
    class: bool,
    first_norm: Option<Norm>,
    transformer: Transformer,
}

impl VisionTower {
    /// Reads the tower.
    pub(in crate::encoder) fn load(
        parts: &Parts<'_>,
        config: &VisionConfig,
        names: &VisionNames,
    ) -> Result<Self, EncoderError> {
        let (width, side) = (config.transformer.width, config.patch_size);
        let compute = parts.compute.of_pixels();
        let first_norm = names.first_norm.map(|name| parts.norm(name, &config.transformer));
        Ok(Self {
            compute,
            patches: Patches {
                channels: 3,
                image: config.image_size,
                patch: side,
            },
            embedding: parts.linear(
                compute,
                &[names.patches],
                names.patches_bias.as_slice(),
                &[width, 3, side, side],
            )?,
            base: first_states(parts.weights, config, names)?,
            class: names.class.is_some(),
            first_norm: first_norm.transpose()?,
            transformer: Transformer::load(parts, &config.transformer, (names.layers, names.layer), false)?,
        })
    }

    /// Tokens of one image.
    pub(in crate::encoder) fn tokens(&self) -> usize {
        self.base.len() / self.embedding.outputs()
    }

    /// The last states of a few images: `[images * tokens, width]`, or `[images, width]` where one `token` of each is
    /// asked for.
    fn forward(
        &self,
        images: &[&Pixels],
        token: Option<usize>,
        workspace: &mut Workspace,
    ) -> Result<Vec<f32>, EncoderError> {
        let tokens = self.tokens();
        let lengths = vec![tokens; images.len()];
        let mut states = self.embed(images, workspace)?;
        let Some(token) = token else {
            self.transformer.forward(&mut states, &lengths, workspace)?;
            return Ok(states);
        };
        let picked: Vec<usize> = (0..images.len()).map(|image| image * tokens + token).collect();
        Ok(self.transformer.forward_picked(states, &lengths, &picked, workspace)?)
    }

    /// The tokens that the first layer reads: each patch's product with the weights, on top of the base.
    fn embed(&self, images: &[&Pixels], workspace: &mut Workspace) -> Result<Vec<f32>, EncoderError> {
        let size = self.patches.image;
        if let Some(image) = images.iter().find(|image| image.size != size) {
            return Err(EncoderError::InputSize {
                expected: size,
                got: image.size,
            });
        }
        let Compute { kernels, precision } = self.compute;
        let planes: Vec<&[f32]> = images.iter().map(|image| image.data.as_slice()).collect();
        let Workspace { activations, wide, .. } = workspace;
        activations.patches(kernels, precision, self.patches, &planes)?;
        let width = self.embedding.outputs();
        let embedded = wide.first(activations.all().len() * width);
        self.embedding.multiply(activations.all(), Epilogue::Store, embedded)?;
        let mut tokens = self.base.repeat(images.len());
        let patches = self.patches.grid() * self.patches.grid() * width;
        let class = usize::from(self.class) * width;
        for (tokens, embedded) in tokens
            .chunks_exact_mut(self.base.len())
            .zip(embedded.chunks_exact(patches))
        {
            add(&mut tokens[class..], embedded);
        }
        match &self.first_norm {
            None => Ok(tokens),
            Some(norm) => {
                let mut normed = vec![0.0; tokens.len()];
                norm.apply(kernels, &tokens, &mut normed)?;
                Ok(normed)
            }
        }
    }
}

/// What the tokens of an image begin with, `[tokens, width]`: their positions, and the class.
pub(in crate::encoder) fn first_states(
    weights: &Weights,
    config: &VisionConfig,
    names: &VisionNames,
) -> Result<Vec<f32>, EncoderError> {
    let width = config.transformer.width;
    let class = usize::from(names.class.is_some());
    let positions = [config.grid() * config.grid() + class, width];
    let mut states = weights.values(names.positions, &positions)?;
    if let Some(name) = names.class {
        add(&mut states, &weights.values(name, &[width])?);
    }
    Ok(states)
}

/// How a family makes one vector of an image's last states.
pub(in crate::encoder) trait Pool: Send + Sync {
    /// The one token of an image that the vector depends on; none where it depends on all.
    const TOKEN: Option<usize>;

    /// One vector an image, `[images, dim]`, of any length, from states `[images * tokens, width]`, or `[images, width]`
    /// where there is a [`Pool::TOKEN`].
    fn pool(&self, states: &[f32], images: usize, workspace: &mut Workspace) -> Result<Vec<f32>, KernelError>;
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
        let mut workspace = Workspace::default();
        let states = self.tower.forward(images, P::TOKEN, &mut workspace)?;
        Ok(self.pool.pool(&states, images.len(), &mut workspace)?)
    }
}

impl<P: Pool> ImageEncoder for TowerImageEncoder<P> {
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
        let vectors: Vec<Vec<f32>> = batch
            .par_chunks(self.images_at_once(batch.len()))
            .map(|images| self.vectors(images))
            .collect::<Result<_, _>>()?;
        Embeddings::normalized(&self.identity, vectors.concat())
    }
}

/// Adds `values` to the beginning of `row`.
fn add(row: &mut [f32], values: &[f32]) {
    row.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
