use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert;
use serde::Deserialize;

use super::bert as bert_tower;
use super::*;
use crate::encoder::cache::Cache;
use crate::encoder::packed::{PackedStore, Stamp};
use crate::encoder::weights::Weights;
use crate::encoder::{Embeddings, ImageEncoder, Pixels, TextEncoder};
use crate::rgb::RgbImage;

const REFERENCE_VALUES: &[u8] = include_bytes!("../../../tests/fixtures/starter/reference.safetensors");
const REFERENCE_NAMES: &[u8] = include_bytes!("../../../tests/fixtures/starter/reference.json");
const SIZE: usize = 260;

/// What PyTorch and transformers compute with the same weights.
#[derive(Deserialize)]
struct Reference {
    images: Vec<String>,
    texts: Vec<String>,
    token_ids: Vec<Vec<u32>>,
}

impl Reference {
    fn read() -> Self {
        serde_json::from_slice(REFERENCE_NAMES).unwrap()
    }

    fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }

    fn values(name: &str, shape: &[usize]) -> Vec<f32> {
        Weights::parse("reference", [("reference.safetensors", REFERENCE_VALUES)])
            .unwrap()
            .values(name, shape)
            .unwrap()
    }

    fn pixels(&self) -> Vec<Pixels> {
        let values = Self::values("pixel_values", &[self.images.len(), 3, SIZE, SIZE]);
        let pixels = |data: &[f32]| Pixels {
            size: SIZE,
            data: data.to_vec(),
        };
        values.chunks_exact(3 * SIZE * SIZE).map(pixels).collect()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Every vector is of unit length and has at least this cosine with the expected one.
fn assert_close(names: &[String], embeddings: &Embeddings, expected: &[f32], least: f32) {
    assert_eq!(embeddings.len(), names.len());
    for ((name, got), expected) in names.iter().zip(embeddings.rows()).zip(expected.chunks_exact(384)) {
        let cosine = cosine(got, expected);
        assert!(cosine >= least, "{name:?}: {cosine}");
        assert!(
            (got.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5,
            "{name:?} is not of unit length"
        );
    }
}

#[test]
fn the_fingerprint_is_that_of_the_files() {
    let mut hasher = blake3::Hasher::new();
    for file in [CONFIG, IMAGE_WEIGHTS, TEXT_WEIGHTS, TOKENIZER] {
        hasher.update(&(file.len() as u64).to_le_bytes()).update(file);
    }
    assert_eq!(FINGERPRINT, Fingerprint(*hasher.finalize().as_bytes()));
}

#[test]
fn config_and_preprocessing_agree() {
    let config = Config::parse(CONFIG).unwrap();
    assert_eq!(preprocess(&config.image), Preprocess::STARTER);
}

#[test]
fn images_embed_as_in_pytorch() {
    let reference = Reference::read();
    let encoder = StarterImageEncoder::load(Compute::default(), &Cache::default()).unwrap();
    let embeddings = encoder.embed(&reference.pixels().iter().collect::<Vec<_>>()).unwrap();
    let expected = Reference::values("image_embeds", &[reference.images.len(), 384]);
    assert_close(&reference.images, &embeddings, &expected, 0.9999);
}

#[test]
fn photographs_embed_as_in_pytorch() {
    let reference = Reference::read();
    let encoder = StarterImageEncoder::load(Compute::default(), &Cache::default()).unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let pixels = |name: &String| {
        let photo = ::image::open(samples.join(name)).unwrap().into_rgb8();
        let photo = RgbImage::new(photo.width(), photo.height(), photo.into_raw()).unwrap();
        encoder.preprocess(&photo).unwrap()
    };
    let batch: Vec<_> = reference.images.iter().map(pixels).collect();
    let embeddings = encoder.embed(&batch.iter().collect::<Vec<_>>()).unwrap();
    let expected = Reference::values("image_embeds", &[reference.images.len(), 384]);
    assert_close(&reference.images, &embeddings, &expected, 0.995);
}

#[test]
fn an_image_of_another_size_is_refused() {
    let encoder = StarterImageEncoder::load(Compute::default(), &Cache::default()).unwrap();
    let square = |size: usize, values: usize| Pixels {
        size,
        data: vec![0.0; values],
    };
    assert!(matches!(
        encoder.embed(&[&square(224, 3 * 224 * 224)]),
        Err(EncoderError::InputSize {
            expected: SIZE,
            got: 224
        })
    ));
    assert!(encoder.embed(&[&square(SIZE, 17)]).is_err());
    assert!(encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn tokens_are_those_of_transformers() {
    let reference = Reference::read();
    let encoder = StarterTextEncoder::load(Compute::default(), &Cache::default()).unwrap();
    for (text, expected) in reference.texts.iter().zip(&reference.token_ids) {
        assert_eq!(&encoder.tokenize(text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn texts_embed_as_in_pytorch() {
    let reference = Reference::read();
    let encoder = StarterTextEncoder::load(Compute::default(), &Cache::default()).unwrap();
    let embeddings = encoder.embed(&reference.texts()).unwrap();
    let expected = Reference::values("text_embeds", &[reference.texts.len(), 384]);
    assert_close(&reference.texts, &embeddings, &expected, 0.9999);
    assert!(encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn a_text_does_not_depend_on_its_batch() {
    let reference = Reference::read();
    let encoder = StarterTextEncoder::load(Compute::default(), &Cache::default()).unwrap();
    let long = "a very long description of a photograph ".repeat(10);
    let mut texts = reference.texts();
    for _ in 0..40 {
        texts.push(&long);
    }
    let together = encoder.embed(&texts).unwrap();
    for (text, together) in texts.iter().zip(together.rows()).take(reference.texts.len() + 1) {
        let alone = encoder.embed(&[text]).unwrap();
        let difference = alone
            .as_slice()
            .iter()
            .zip(together)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(difference < 1e-5, "{text:?}: {difference}");
    }
}

#[test]
fn a_long_text_is_cut_and_still_ends_in_sep() {
    let encoder = StarterTextEncoder::load(Compute::default(), &Cache::default()).unwrap();
    let ids = encoder.tokenize(&"dog ".repeat(1000)).unwrap();
    assert_eq!((ids.len(), ids[0], ids[62], ids[63]), (64, 101, 3899, 102));
    let cut = encoder.embed(&[&"dog ".repeat(1000), &"dog ".repeat(62)]).unwrap();
    assert!(cosine(&cut.as_slice()[..384], &cut.as_slice()[384..]) > 0.99999);
}

#[test]
fn hidden_states_are_those_of_candles_bert() {
    let config = Config::parse(CONFIG).unwrap().text;
    let reference_config = bert::Config {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        intermediate_size: config.intermediate_size,
        max_position_embeddings: config.max_position_embeddings,
        layer_norm_eps: f64::from(config.layer_norm_eps),
        hidden_act: bert::HiddenAct::Gelu,
        ..bert::Config::default()
    };
    let builder = VarBuilder::from_slice_safetensors(TEXT_WEIGHTS, DType::F32, &Device::Cpu).unwrap();
    let reference_model = bert::BertModel::load(builder, &reference_config).unwrap();
    let model = bert_of(&config);
    for ids in Reference::read().token_ids {
        let tokens = Tensor::new(ids.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let expected = reference_model
            .forward(&tokens, &tokens.zeros_like().unwrap(), None)
            .unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let got = model.forward(&ids, &[ids.len()]).unwrap();
        assert!(cosine(&got, &expected) >= 0.99999, "{ids:?}");
    }
}

fn bert_of(config: &config::TextConfig) -> bert_tower::Bert {
    let weights = Weights::parse(NAME, [("text.safetensors", TEXT_WEIGHTS)]).unwrap();
    let packed = PackedStore::open(
        &Cache::default(),
        (&FINGERPRINT, "text"),
        Stamp::of_content(&FINGERPRINT),
        Compute::default(),
    );
    bert_tower::Bert::load(&weights, config, Compute::default(), &packed).unwrap()
}

#[test]
fn sequences_outside_the_model_are_refused() {
    let encoder = StarterTextEncoder::load(Compute::default(), &Cache::default()).unwrap();
    for (sequence, words) in [
        (vec![], ["0 tokens", "1 to 512"]),
        (vec![101; 513], ["513 tokens", "1 to 512"]),
        (vec![101, 30_522], ["token 30522", "30522 tokens"]),
    ] {
        let message = encoder
            .embed_tokens(&[vec![101, 102], sequence])
            .unwrap_err()
            .to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}
