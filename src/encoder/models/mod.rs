mod known;
mod place;

use std::fmt::Debug;
use std::sync::Arc;

use serde::Deserialize;

use self::place::{Place, on_machine};
use super::cache::Cache;
use super::checkpoint::Checkpoint;
use super::clip::ClipModel;
use super::device::Accelerator;
use super::siglip::SiglipModel;
use super::starter::StarterModel;
use super::towers::Compute;
use super::{Device, EncoderError, Identity, ImageEncoder, Precision, TextEncoder};

pub use known::{Accuracy, ModelInfo, PREFERRED_MODEL, models};
pub use place::{Present, default_model, ensure};

/// What a family makes of a model that was opened.
pub(super) trait FamilyModel: Debug + Send + Sync {
    /// What the model is.
    fn identity(&self) -> &Identity;

    /// Loads the image side.
    fn image_encoder(&self, compute: Compute) -> Result<Box<dyn ImageEncoder>, EncoderError>;

    /// Loads the tokenizer and the text side.
    fn text_encoder(&self, compute: Compute) -> Result<Box<dyn TextEncoder>, EncoderError>;

    /// Loads the image side onto a device, where the family can compute there.
    fn image_encoder_on(&self, _: &Accelerator) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        Err(self.cpu_only())
    }

    /// Loads the tokenizer, and the text side onto a device, where the family can compute there.
    fn text_encoder_on(&self, _: &Accelerator) -> Result<Box<dyn TextEncoder>, EncoderError> {
        Err(self.cpu_only())
    }

    /// The refusal of a family that cannot.
    fn cpu_only(&self) -> EncoderError {
        EncoderError::CpuOnly(format!("model '{}'", self.identity().name))
    }
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
    family: Arc<dyn FamilyModel>,
    compute: Compute,
    device: Device,
}

impl Model {
    /// Finds the model called `name`: one of [`models`], a directory with the files that transformers or open_clip save of
    /// a model, or a repository of the hub, `org/name` or `org/name@revision`, that was fetched. An existing directory goes
    /// before a repository of the same name. Cheap, and nobody is asked: of the weights, only headers and a sample are
    /// read.
    ///
    /// # Errors
    /// [`EncoderError::UnknownModel`] where [`models`] has no such name and `name` is neither path nor repository;
    /// [`EncoderError::NotOnMachine`] where it must be fetched first, by [`ensure`]; [`EncoderError::ModelFile`] or
    /// [`EncoderError::Weights`] where the directory is incomplete, damaged or of no family that is known here.
    pub fn open(name: &str) -> Result<Self, EncoderError> {
        let family: Arc<dyn FamilyModel> = match Place::of(name)? {
            Place::BuiltIn => Arc::new(StarterModel::open(Cache::of_user())?),
            Place::Directory(dir) => open_checkpoint(Checkpoint::open(&dir)?)?,
            Place::Hub { id, name } => match on_machine(&id, &name)? {
                Some(checkpoint) => open_checkpoint(checkpoint)?,
                None => return Err(EncoderError::NotOnMachine(name)),
            },
        };
        Ok(Self {
            family,
            compute: Compute::default(),
            device: Device::default(),
        })
    }

    /// The same model, whose encoders will compute in `precision`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.compute.precision = precision;
        self
    }

    /// The same model, whose encoders will compute on `device`; whether they can is seen when a side is loaded.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// What the model is; equal fingerprints mean comparable vectors.
    pub fn identity(&self) -> &Identity {
        self.family.identity()
    }

    /// Loads the image side, and nothing of the text side.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] or [`EncoderError::Weights`] where the model's files are damaged;
    /// [`EncoderError::DeviceNotBuilt`], [`EncoderError::DeviceUnavailable`] or [`EncoderError::CpuOnly`] where it cannot
    /// compute on its device.
    pub fn image_encoder(&self) -> Result<Box<dyn ImageEncoder>, EncoderError> {
        match Accelerator::open(self.device, self.compute.precision)? {
            None => self.family.image_encoder(self.compute),
            Some(accelerator) => self.family.image_encoder_on(&accelerator),
        }
    }

    /// Loads the tokenizer and the text side, and nothing of the image side.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`], [`EncoderError::Weights`] or [`EncoderError::Tokenizer`] where the model's files are
    /// damaged; as for [`Model::image_encoder`] where it cannot compute on its device.
    pub fn text_encoder(&self) -> Result<Box<dyn TextEncoder>, EncoderError> {
        match Accelerator::open(self.device, self.compute.precision)? {
            None => self.family.text_encoder(self.compute),
            Some(accelerator) => self.family.text_encoder_on(&accelerator),
        }
    }
}

/// Opens a directory as a model of the family that its configuration names.
fn open_checkpoint(checkpoint: Checkpoint) -> Result<Arc<dyn FamilyModel>, EncoderError> {
    const CONFIG: &str = "config.json";
    #[derive(Deserialize)]
    struct Config {
        model_type: Option<String>,
    }
    let checkpoint = checkpoint.caching_in(Cache::of_user());
    // Some directories hold both programs' files.
    if checkpoint.has_open_clip_weights() && !(checkpoint.has(CONFIG) && checkpoint.has_weights()) {
        return Ok(Arc::new(ClipModel::open_open_clip(checkpoint)?));
    }
    let config: Config = checkpoint.json(CONFIG)?;
    match config.model_type.as_deref() {
        Some("clip") => Ok(Arc::new(ClipModel::open(checkpoint)?)),
        Some("siglip") => Ok(Arc::new(SiglipModel::open(checkpoint)?)),
        other => Err(checkpoint.error(
            CONFIG,
            format!(
                "model_type is {}; 'clip' and 'siglip' (SigLIP 2 of a fixed resolution among them) can be run",
                other.map_or("missing".to_owned(), |other| format!("'{other}'"))
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_list_says_is_what_opens() {
        for info in models().iter().filter(|info| info.built_in()) {
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
