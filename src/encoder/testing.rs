//! Model directories for the tests: the fixtures, and copies of them that a test changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::checkpoint::Checkpoint;
use super::device::Accelerator;
use super::{Embeddings, Pixels, Precision};

/// A directory of tests/fixtures.
pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A tensor as it is stored.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<u8>,
}

impl Stored {
    /// An f32 tensor.
    pub(super) fn new(shape: &[usize], values: &[f32]) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// The values of an f32 tensor.
    pub(super) fn values(&self) -> Vec<f32> {
        assert_eq!(self.dtype, Dtype::F32);
        let (words, _) = self.data.as_chunks();
        words.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The same numbers of `bytes` bytes each, as `convert` writes them.
    pub(super) fn converted<const N: usize>(&self, dtype: Dtype, convert: impl Fn(f32) -> [u8; N]) -> Self {
        Self {
            dtype,
            shape: self.shape.clone(),
            data: self.values().into_iter().flat_map(convert).collect(),
        }
    }
}

/// The tensors of a file.
pub(super) type Tensors = BTreeMap<String, Stored>;

/// Reads a safetensors file.
pub(super) fn read_tensors(path: &Path) -> Tensors {
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let stored = |view: &TensorView<'_>| Stored {
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        data: view.data().to_vec(),
    };
    tensors
        .tensors()
        .iter()
        .map(|(name, view)| (name.clone(), stored(view)))
        .collect()
}

/// A model's directory that a test changes: a fixture's configuration and weights, and a tokenizer of a few words, which
/// begins texts with token 598 and ends them with 599.
pub(super) struct ModelDir(TempDir);

impl ModelDir {
    pub(super) fn copy(name: &str) -> Self {
        let dir = Self(TempDir::new().unwrap());
        for entry in fs::read_dir(fixture(name)).unwrap() {
            let (path, file) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
            if file != "reference.safetensors" {
                fs::copy(path, dir.path().join(file)).unwrap();
            }
        }
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
            "post_processor": {
                "type": "RobertaProcessing", "cls": ["<s>", 598], "sep": ["</s>", 599],
                "trim_offsets": false, "add_prefix_space": false,
            },
            "model": {"type": "WordLevel", "vocab": {"?": 0, "a": 1, "cat": 2, "dog": 3}, "unk_token": "?"},
        });
        dir.write("tokenizer.json", tokenizer.to_string().as_bytes());
        dir
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn name(&self) -> &str {
        self.path().to_str().unwrap()
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(self.path()).unwrap()
    }

    pub(super) fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.path().join(file), content).unwrap();
    }

    pub(super) fn remove(&self, file: &str) {
        fs::remove_file(self.path().join(file)).unwrap();
    }

    /// Changes a JSON file.
    pub(super) fn edit_json(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&fs::read(self.path().join(file)).unwrap()).unwrap();
        edit(&mut value);
        self.write(file, value.to_string().as_bytes());
    }

    /// Changes the weights.
    pub(super) fn edit_weights(&self, edit: impl FnOnce(&mut Tensors)) {
        let mut tensors = self.tensors();
        edit(&mut tensors);
        self.write_tensors("model.safetensors", &tensors);
    }

    pub(super) fn tensors(&self) -> Tensors {
        read_tensors(&self.path().join("model.safetensors"))
    }

    pub(super) fn write_tensors(&self, file: &str, tensors: &Tensors) {
        let views = tensors.iter().map(|(name, stored)| {
            let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.data).unwrap();
            (name, view)
        });
        self.write(file, &safetensors::serialize(views, None).unwrap());
    }
}

/// What transformers made of a fixture's inputs.
pub(super) struct Reference {
    pub(super) pixels: Vec<Pixels>,
    pub(super) ids: Vec<Vec<u32>>,
    pub(super) images: Embeddings,
    pub(super) texts: Embeddings,
}

/// The smallest cosine in f16, of eleven bits.
pub(super) const LEAST_IN_F16: f32 = 0.9999;
/// The smallest cosine in bf16, of eight bits, to which candle rounds the scores of attention too.
const LEAST_IN_BF16: f32 = 0.999;

impl Reference {
    pub(super) fn read(name: &str) -> Self {
        let tensors = read_tensors(&fixture(name).join("reference.safetensors"));
        let size = tensors["pixel_values"].shape[3];
        let pixels = tensors["pixel_values"].values();
        let (ids, _) = tensors["input_ids"].data.as_chunks();
        let ids: Vec<u32> = ids.iter().map(|id| i64::from_le_bytes(*id) as u32).collect();
        let embeddings = |name: &str| Embeddings::new(tensors[name].shape[1], tensors[name].values()).unwrap();
        Self {
            pixels: pixels
                .chunks_exact(3 * size * size)
                .map(|data| Pixels {
                    size,
                    data: data.to_vec(),
                })
                .collect(),
            ids: ids
                .chunks_exact(tensors["input_ids"].shape[1])
                .map(<[u32]>::to_vec)
                .collect(),
            images: embeddings("image_embeds"),
            texts: embeddings("text_embeds"),
        }
    }

    /// Fails where the vectors that `embed` makes on this build's graphics processor are not the reference's, in f32 and as
    /// near as bf16 is; passes where there is none.
    #[track_caller]
    pub(super) fn assert_on_graphics_processor(
        &self,
        what: &str,
        embed: impl Fn(&Accelerator) -> (Embeddings, Embeddings),
    ) {
        if let Some(accelerator) = Accelerator::present(Precision::F32) {
            let (images, texts) = embed(&accelerator);
            assert_same(&images, &self.images, "image");
            assert_same(&texts, &self.texts, "text");
        }
        if let Some(accelerator) = Accelerator::present(Precision::Bf16) {
            let (images, texts) = embed(&accelerator);
            self.assert_near(&images, &texts, LEAST_IN_BF16, what);
        }
    }

    /// Fails where the cosine of a vector of `images` or `texts` with the reference's is below `least`, or where all are
    /// quite the same, so that they were not computed in half precision.
    #[track_caller]
    pub(super) fn assert_near(&self, images: &Embeddings, texts: &Embeddings, least: f32, what: &str) {
        let cosines = [
            smallest_cosine(images, &self.images),
            smallest_cosine(texts, &self.texts),
        ];
        println!("{what}: {cosines:?}");
        let near = cosines.iter().all(|cosine| (least..1.0).contains(cosine));
        assert!(near, "{what}: {cosines:?}");
    }
}

/// Fails where a vector is not that of the reference.
#[track_caller]
pub(super) fn assert_same(got: &Embeddings, expected: &Embeddings, what: &str) {
    assert_eq!((got.len(), got.dim()), (expected.len(), expected.dim()), "{what}");
    for (index, (got, expected)) in got.rows().zip(expected.rows()).enumerate() {
        let cosine: f32 = got.iter().zip(expected).map(|(a, b)| a * b).sum();
        let difference = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{what} {index}: cosine {cosine}, greatest difference {difference}");
        assert!(
            cosine >= 0.99999 && difference <= 1e-4,
            "{what} {index}: {cosine}, {difference}"
        );
    }
}

/// The smallest cosine of a vector with that of the reference.
pub(super) fn smallest_cosine(got: &Embeddings, expected: &Embeddings) -> f32 {
    let pairs = got.rows().zip(expected.rows());
    let cosines = pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
    cosines.fold(1.0, f32::min)
}
