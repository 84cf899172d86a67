//! Which files make a model.

use std::fs;
use std::path::Path;

use super::super::EncoderError;
use super::{Checkpoint, INDEX, OPEN_CLIP, SETTINGS, SINGLE};

const CONFIG: &str = "config.json";
const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
const TOKENIZER: &str = "tokenizer.json";

/// The files of a repository that make a model, of all that it has: the settings, and the weights in one form, that of
/// transformers before that of open_clip. What says that the weights are complete comes last.
///
/// # Errors
/// What the repository lacks.
pub(in crate::encoder) fn wanted_files(listed: &[&str]) -> Result<Vec<String>, String> {
    let has = |file: &str| listed.contains(&file);
    let weights = if has(CONFIG) && has(SINGLE) {
        vec![SINGLE]
    } else if has(CONFIG) && has(INDEX) {
        let mut files = shards(listed);
        files.push(INDEX);
        files
    } else if has(OPEN_CLIP_CONFIG) && has(OPEN_CLIP) {
        vec![OPEN_CLIP]
    } else {
        return Err(format!(
            "it has no weights that can be read: there must be {SINGLE} (or {INDEX}) with {CONFIG}, or {OPEN_CLIP} with \
             {OPEN_CLIP_CONFIG}; pickles (.bin, .pt) are not read. Another revision may have them, named as ORG/NAME@REVISION"
        ));
    };
    if !has(TOKENIZER) {
        return Err(format!("it has no {TOKENIZER}; without one no text can be read"));
    }
    let settings = SETTINGS.into_iter().filter(|file| has(file));
    Ok(settings.chain(weights).map(str::to_owned).collect())
}

/// The files `…-00001-of-00002.safetensors` of the first kind that there is. Which of them hold the weights is said by the
/// index, which is not here yet; repositories also keep smaller copies, as `model.fp16-…`.
fn shards<'a>(listed: &[&'a str]) -> Vec<&'a str> {
    let of_kind = |kind: &str| -> Vec<&str> {
        let shard = |file: &&&str| file.starts_with(kind) && file.contains("-of-") && file.ends_with(".safetensors");
        listed.iter().filter(shard).copied().collect()
    };
    let kinds = ["model-", "pytorch_model-"].into_iter();
    kinds.map(of_kind).find(|files| !files.is_empty()).unwrap_or_default()
}

impl Checkpoint {
    /// Whether all is there that a model needs.
    pub(in crate::encoder) fn is_complete(&self) -> bool {
        let config = match (self.has_weights(), self.has_open_clip_weights()) {
            (true, _) if self.has(CONFIG) => true,
            (_, open_clip) => open_clip && self.has(OPEN_CLIP_CONFIG),
        };
        let weights = self.weight_files();
        config && self.has(TOKENIZER) && weights.is_ok_and(|files| files.iter().all(|file| self.has(file)))
    }

    /// The directory.
    pub(in crate::encoder) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Size in bytes of the files that make the model.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] where one cannot be looked at.
    pub(in crate::encoder) fn size(&self) -> Result<u64, EncoderError> {
        let settings = SETTINGS.into_iter().filter(|file| self.has(file)).map(str::to_owned);
        let size = |file: String| {
            let metadata = fs::metadata(self.dir.join(&file));
            metadata.map_or_else(
                |error| Err(self.error(&file, error.to_string())),
                |metadata| Ok(metadata.len()),
            )
        };
        settings.chain(self.weight_files()?).map(size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_of_the_weights_is_wanted_and_it_comes_last() {
        let listed = [
            "README.md",
            "model.safetensors",
            "open_clip_model.safetensors",
            "pytorch_model.bin",
            "config.json",
            "open_clip_config.json",
            "tokenizer.json",
            "vocab.json",
            "onnx/model.safetensors",
        ];
        let settings = ["config.json", "open_clip_config.json", "tokenizer.json"];
        assert_eq!(
            wanted_files(&listed).unwrap(),
            [&settings[..], &["model.safetensors"]].concat()
        );
        // A repository of timm: its config.json is not transformers', and there is no such weights file.
        let listed: Vec<_> = listed.into_iter().filter(|file| *file != "model.safetensors").collect();
        let wanted = wanted_files(&listed).unwrap();
        assert_eq!(wanted, [&settings[..], &["open_clip_model.safetensors"]].concat());
    }

    #[test]
    fn the_index_follows_its_shards() {
        let index = "model.safetensors.index.json";
        let mut listed = vec![
            index,
            "config.json",
            "tokenizer.json",
            "model.fp16-00001-of-00001.safetensors",
            "pytorch_model-00001-of-00001.safetensors",
        ];
        let tail = |listed: &[&str]| wanted_files(listed).unwrap()[2..].to_vec();
        assert_eq!(tail(&listed), ["pytorch_model-00001-of-00001.safetensors", index]);
        listed.extend(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
        let shards = [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            index,
        ];
        assert_eq!(tail(&listed), shards);
    }

    #[test]
    fn what_lacks_is_said() {
        let message = wanted_files(&["config.json", "tokenizer.json", "pytorch_model.bin"]).unwrap_err();
        assert!(
            message.contains("model.safetensors") && message.contains("pickles"),
            "{message}"
        );
        let message = wanted_files(&["config.json", "model.safetensors"]).unwrap_err();
        assert!(message.contains("tokenizer.json"), "{message}");
        assert!(wanted_files(&["model.safetensors", "tokenizer.json"]).is_err());
    }
}
