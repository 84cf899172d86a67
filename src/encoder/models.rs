use super::starter::{self, StarterImageEncoder, StarterTextEncoder};
use super::{EncoderError, Family, Identity, ImageEncoder, TextEncoder};

/// What there is to know about a model before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// Name that `--model` takes.
    pub name: &'static str,
    /// Kind of encoder.
    pub family: Family,
    /// Length of its vectors.
    pub dim: usize,
    /// Side of the square input image in pixels.
    pub image_size: usize,
    /// Size of its files in bytes.
    pub size_bytes: u64,
    /// SPDX licence expression of its weights.
    pub licence: &'static str,
    /// What it is good for, in one sentence.
    pub note: &'static str,
    /// Whether it is part of the program and needs no file.
    pub built_in: bool,
}

/// Name of the model that a new library gets where none is asked for.
pub const DEFAULT_MODEL: &str = starter::NAME;

/// The models that can be named, best known first.
pub fn models() -> &'static [ModelInfo] {
    const MODELS: &[ModelInfo] = &[starter::INFO];
    MODELS
}

/// A model that is known to exist and whose identity is known. Its weights are read when a side of it is asked for.
///
/// ```
/// use clipdex::encoder::Model;
///
/// let model = Model::open("starter")?;
/// let embeddings = model.text_encoder()?.embed(&["a cat"])?;
/// assert_eq!(embeddings.dim(), model.identity().dim);
/// # Ok::<(), clipdex::encoder::EncoderError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    identity: Identity,
}

impl Model {
    /// Finds the model called `name`. Cheap: no weights are read.
    ///
    /// # Errors
    /// [`EncoderError::UnknownModel`] where [`models`] has no such name.
    pub fn open(name: &str) -> Result<Self, EncoderError> {
        let info = models().iter().find(|info| info.name == name);
        let info = info.ok_or_else(|| EncoderError::UnknownModel(name.to_owned()))?;
        let identity = match info.family {
            Family::Starter => starter::open()?,
        };
        Ok(Self { identity })
    }

    /// What the model is; equal fingerprints mean comparable vectors.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Loads the image side, and nothing of the text side.
    ///
    /// # Errors
    /// [`EncoderError::Weights`] where the model's files are damaged.
    pub fn image_encoder(&self) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        match self.identity.family {
            Family::Starter => Ok(Box::new(StarterImageEncoder::load()?)),
        }
    }

    /// Loads the tokenizer and the text side, and nothing of the image side.
    ///
    /// # Errors
    /// [`EncoderError::Weights`] or [`EncoderError::Tokenizer`] where the model's files are damaged.
    pub fn text_encoder(&self) -> Result<Box<dyn TextEncoder>, EncoderError> {
        match self.identity.family {
            Family::Starter => Ok(Box::new(StarterTextEncoder::load()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_list_says_is_what_opens() {
        for info in models() {
            let model = Model::open(info.name).unwrap();
            let identity = model.identity();
            assert_eq!((identity.name.as_str(), identity.family), (info.name, info.family));
            assert_eq!((identity.dim, identity.image_size), (info.dim, info.image_size));
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_says_where_to_look() {
        let message = Model::open("clip-vit-huge").unwrap_err().to_string();
        assert!(
            message.contains("clip-vit-huge") && message.contains("models list"),
            "{message}"
        );
    }
}
