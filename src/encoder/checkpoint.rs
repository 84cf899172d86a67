//! A model's directory: its files, and what tells it from others.

#![allow(unsafe_code, reason = "memory mapping")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::SafeTensors;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::cache::Cache;
use super::packed::{PackedStore, Stamp};
use super::towers::{Compute, Parts};
use super::weights::Weights;
use super::{EncoderError, Fingerprint};

mod files;

pub(super) use files::wanted_files;

/// The weights in one file, as transformers saves them.
const SINGLE: &str = "model.safetensors";
/// The list of the files of larger models.
const INDEX: &str = "model.safetensors.index.json";
/// The weights in one file, as open_clip saves them.
const OPEN_CLIP: &str = "open_clip_model.safetensors";
/// Files besides the weights that change what comes out.
const SETTINGS: [&str; 6] = [
    "config.json",
    "open_clip_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
];
/// The largest settings file that is read, in bytes. The longest known, a tokenizer of 256,000 words, has 34 MB.
const LARGEST_SETTINGS: u64 = 256 << 20;
/// Bytes of each tensor that the fingerprint covers.
const SAMPLE: usize = 256;

/// A model's directory. Nothing is read before it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    dir: PathBuf,
    name: String,
    cache: Cache,
}

/// model.safetensors.index.json: which file holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The model in `dir`, which is remembered as an absolute path, so that it is found from another working directory.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] where it is no directory that can be read, or its path is not Unicode. The other
    /// methods give the same error for the directory's files.
    pub(super) fn open(dir: &Path) -> Result<Self, EncoderError> {
        let failed = |message: String| EncoderError::ModelFile {
            path: dir.to_owned(),
            message,
        };
        let absolute = std::path::absolute(dir).map_err(|error| failed(error.to_string()))?;
        fs::read_dir(&absolute).map_err(|error| failed(format!("the model's directory cannot be read: {error}")))?;
        match absolute.to_str() {
            Some(name) => Ok(Self {
                name: name.to_owned(),
                dir: absolute,
                cache: Cache::default(),
            }),
            None => Err(failed("the path of a model's directory must be Unicode".to_owned())),
        }
    }

    /// The same model under another name than the directory's.
    pub(super) fn called(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// The same model, whose derived files lie in `cache`. Without this, there are none.
    pub(super) fn caching_in(self, cache: Cache) -> Self {
        Self { cache, ..self }
    }

    /// Where files that are derived from the model's lie.
    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Loads a `side` of the model, whose fingerprint is known, from its weights and from what is packed of them.
    ///
    /// # Errors
    /// Those of `load`, and [`EncoderError::ModelFile`] or [`EncoderError::Weights`], which name the file.
    pub(super) fn load_side<T>(
        &self,
        side: (&Fingerprint, &str),
        compute: Compute,
        load: impl FnOnce(&Parts<'_>) -> Result<T, EncoderError>,
    ) -> Result<T, EncoderError> {
        let (weights, stamp) = self.stamped_weights()?;
        let packed = PackedStore::open(&self.cache, side, stamp, compute);
        let loaded = load(&Parts {
            weights: &weights,
            compute,
            packed: &packed,
        })?;
        packed.finish();
        Ok(loaded)
    }

    /// The model's name: the directory's absolute path, unless it was given another.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// An error about `file`.
    pub(super) fn error(&self, file: &str, message: impl Into<String>) -> EncoderError {
        EncoderError::ModelFile {
            path: self.dir.join(file),
            message: message.into(),
        }
    }

    /// Whether there is such a file. One that cannot be looked at counts, so that reading it gives the cause.
    pub(super) fn has(&self, file: &str) -> bool {
        !fs::metadata(self.dir.join(file)).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Whether the weights are there as transformers saves them.
    pub(super) fn has_weights(&self) -> bool {
        self.has(SINGLE) || self.has(INDEX)
    }

    /// Whether the weights are there as open_clip saves them.
    pub(super) fn has_open_clip_weights(&self) -> bool {
        self.has(OPEN_CLIP)
    }

    /// The content of a settings file.
    pub(super) fn read(&self, file: &str) -> Result<Vec<u8>, EncoderError> {
        let path = self.dir.join(file);
        let failed = |error: std::io::Error| self.error(file, describe(&error));
        let size = fs::metadata(&path).map_err(failed)?.len();
        if size > LARGEST_SETTINGS {
            return Err(self.error(file, format!("{size} bytes are too many for such a file")));
        }
        fs::read(&path).map_err(failed)
    }

    /// A settings file of JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, file: &str) -> Result<T, EncoderError> {
        serde_json::from_slice(&self.read(file)?).map_err(|error| self.error(file, error.to_string()))
    }

    /// A settings file of JSON that need not be there.
    pub(super) fn optional_json<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, EncoderError> {
        if self.has(file) {
            self.json(file).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Maps the weights and reads their headers.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] or [`EncoderError::Weights`], which name the file.
    pub(super) fn weights(&self) -> Result<Weights, EncoderError> {
        Ok(self.stamped_weights()?.0)
    }

    fn stamped_weights(&self) -> Result<(Weights, Stamp), EncoderError> {
        let (mut maps, mut metadata) = (Vec::new(), Vec::new());
        for file in self.weight_files()? {
            let (map, of_file) = self.map(&file)?;
            maps.push((file, map));
            metadata.push(of_file);
        }
        Ok((Weights::parse(&self.name, maps)?, Stamp::of_files(&metadata)))
    }

    /// BLAKE3 over the settings files that exist, each as its name and content, and over the weights files, each as its
    /// length, its header and 256 bytes from the middle of every tensor. Each part is preceded by its length.
    ///
    /// Hashing all the weights would take seconds at every start. The sample tells trained models apart, since training
    /// changes every tensor; it does not protect against changes made to stay unseen.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint, EncoderError> {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        };
        for file in SETTINGS.into_iter().filter(|file| self.has(file)) {
            add(file.as_bytes());
            add(&self.read(file)?);
        }
        for file in self.weight_files()? {
            let (map, _) = self.map(&file)?;
            // Reading ahead would read most of the file. A system that cannot be told is slower and not wrong.
            #[cfg(unix)]
            let _ = map.advise(memmap2::Advice::Random);
            let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| EncoderError::Weights {
                model: self.name.clone(),
                message: format!("{file}: {error}"),
            })?;
            let (header, data) = map.split_at_checked(size_of::<u64>() + header).unwrap_or((&map, &[]));
            add(&(map.len() as u64).to_le_bytes());
            add(header);
            for name in metadata.offset_keys() {
                let tensor = metadata.info(&name).map(|info| info.data_offsets);
                let tensor = tensor.and_then(|(start, end)| data.get(start..end)).unwrap_or_default();
                let middle = tensor.len().saturating_sub(SAMPLE) / 2;
                add(&tensor[middle..(middle + SAMPLE).min(tensor.len())]);
            }
        }
        Ok(Fingerprint(*hasher.finalize().as_bytes()))
    }

    /// Names of the files that hold the weights.
    fn weight_files(&self) -> Result<Vec<String>, EncoderError> {
        if self.has(SINGLE) {
            return Ok(vec![SINGLE.to_owned()]);
        }
        if self.has(INDEX) {
            let index: Index = self.json(INDEX)?;
            let files: BTreeSet<String> = index.weight_map.into_values().collect();
            // An index comes from outside, and must not lead out of its directory.
            let outside = |file: &&String| Path::new(file).file_name() != Some(file.as_ref());
            return match files.iter().find(outside) {
                Some(file) => Err(self.error(INDEX, format!("'{file}' is not the name of a file beside it"))),
                None => Ok(files.into_iter().collect()),
            };
        }
        if self.has(OPEN_CLIP) {
            return Ok(vec![OPEN_CLIP.to_owned()]);
        }
        Err(self.error(
            SINGLE,
            "the model's weights are missing; they are read from safetensors files, never from pickles (.bin, .pt)",
        ))
    }

    /// The content of a file, and what the system knows of that very file, whatever takes its name meanwhile.
    fn map(&self, file: &str) -> Result<(Mmap, Metadata), EncoderError> {
        let failed = |error: std::io::Error| self.error(file, describe(&error));
        let opened = File::open(self.dir.join(file)).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        // SAFETY: the map is only read, and every value of its bytes is valid. It must not change meanwhile: this program
        // writes a model's files under another name until they are complete, and whoever replaces them by renaming leaves
        // the mapped ones as they were.
        let map = unsafe { Mmap::map(&opened) }.map_err(failed)?;
        Ok((map, metadata))
    }
}

/// What is wrong with a file, and what to do.
fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "the file is missing; a model's directory must be complete".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests;
