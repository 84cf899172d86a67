//! Text and RGB images to unit vectors of one shared space.
//!
//! A model is part of the program, a directory, or fetched from the hub by `ensure`, the only function here that may ask
//! the network.
//!
//! The two sides load apart, so that a text query never reads the image weights. Only this room imports candle.
//!
//! A family of models is a module that implements `models::FamilyModel`: `starter` is part of the program, `clip` and
//! `siglip` read directories. These two share the transformers in `towers`, and what a family adds is its configuration,
//! the names of its tensors, its pooling and its token sequences.

mod cache;
mod checkpoint;
mod clip;
mod device;
mod embedding;
mod embeddings;
mod error;
mod identity;
pub(crate) mod kernels;
mod models;
mod ops;
mod packed;
mod precision;
mod preprocess;
mod siglip;
mod starter;
#[cfg(test)]
mod testing;
mod tokenizer;
mod towers;
mod weights;

pub use device::{Device, UnknownDevice};
pub use embeddings::Embeddings;
pub use error::EncoderError;
pub use identity::{Family, Fingerprint, Identity};
pub use kernels::{KernelError, Precision};
pub use models::{Accuracy, Model, ModelInfo, PREFERRED_MODEL, Present, default_model, ensure, models};
pub use precision::{instructions, peak_gflops};
pub use preprocess::{Filter, Fit, Preprocess, Rounding};

use rayon::prelude::*;

use crate::rgb::RgbImage;

/// The image side of an encoder.
///
/// Preprocessing is apart from embedding so that it can run beside decoding, on other threads, and a large photograph
/// shrinks to the model's input before it waits for its batch.
pub trait ImageEncoder: Send + Sync {
    /// What this encoder is; equal fingerprints mean comparable vectors.
    fn identity(&self) -> &Identity;

    /// How many pixels along its shorter side a photograph has to have, that [`ImageEncoder::preprocess`] may make of it what
    /// it would of a larger one: twice what it is resized to.
    fn enough_pixels(&self) -> u32;

    /// Resizes, crops and normalises one image to the model's input.
    fn preprocess(&self, image: &RgbImage) -> Result<Pixels, EncoderError>;

    /// Embeds a batch of preprocessed images: one unit vector an image, in order. An empty batch gives no vectors.
    fn embed(&self, batch: &[&Pixels]) -> Result<Embeddings, EncoderError>;
}

/// The text side of an encoder.
pub trait TextEncoder: Send + Sync {
    /// What this encoder is; equal fingerprints mean comparable vectors.
    fn identity(&self) -> &Identity;

    /// Embeds strings: one unit vector a string, in order, however long they are (each is cut to the model's limit).
    /// Any number of strings is allowed: the encoder cuts them into batches itself, and no vector depends on the others.
    fn embed(&self, texts: &[&str]) -> Result<Embeddings, EncoderError> {
        let sequences: Vec<Vec<u32>> = texts
            .par_iter()
            .map(|text| self.tokenize(text))
            .collect::<Result<_, _>>()?;
        self.embed_tokens(&sequences)
    }

    /// The token ids of a text as the model reads them, at least one.
    fn tokenize(&self, text: &str) -> Result<Vec<u32>, EncoderError>;

    /// Embeds what [`TextEncoder::tokenize`] makes of strings.
    ///
    /// # Errors
    /// [`EncoderError::SequenceLength`] where a sequence is empty or longer than the model reads; [`EncoderError::Token`]
    /// where it holds what is no token of the model's.
    fn embed_tokens(&self, sequences: &[Vec<u32>]) -> Result<Embeddings, EncoderError>;
}

/// One image as the model reads it: three planes (R, G, B) of `size` rows of `size` normalised values.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// Side of the square in pixels.
    pub size: usize,
    /// `3 * size * size` values, planar.
    pub data: Vec<f32>,
}
