use half::{bf16, f16};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use super::*;
use crate::encoder::kernels::Kernels;
use crate::encoder::testing::{ModelDir, Reference, Stored, Tensors, assert_same, fixture, smallest_cosine};
use crate::encoder::{Embeddings, Model, Precision};

const FIXTURES: [&str; 4] = [
    "clip-quickgelu",
    "clip-gelu",
    // The largest id ends texts; weights in six files; the image's side is no multiple of the patch's.
    "made/clip-legacy-sharded",
    // The towers' activations differ.
    "made/clip-f16",
];

/// What this program makes of the fixture's inputs with the model in `dir`.
fn embed(model: &ClipModel, reference: &Reference) -> (Embeddings, Embeddings) {
    embed_in(Precision::F32, model, reference)
}

fn embed_in(precision: Precision, model: &ClipModel, reference: &Reference) -> (Embeddings, Embeddings) {
    let compute = Compute {
        precision,
        ..Compute::default()
    };
    let images = model.image_encoder(compute).unwrap();
    let images = images.embed(&reference.pixels.iter().collect::<Vec<_>>()).unwrap();
    let texts = model.load_text(compute).unwrap();
    let mut sequences = reference.ids.clone();
    sequences.iter_mut().for_each(|ids| texts.sequences.finish(ids));
    (images, texts.embed_tokens(&sequences).unwrap())
}

#[track_caller]
fn assert_equals_reference(model: &ClipModel, reference: &Reference) {
    let (images, texts) = embed(model, reference);
    assert_same(&images, &reference.images, "image");
    assert_same(&texts, &reference.texts, "text");
}

#[test]
fn lower_precisions_stay_near() {
    // Where attention is in bf16, it adds its own rounding.
    let least_in_int8 = match Kernels::best().attention(Precision::Int8) {
        Precision::F32 => 0.998,
        _ => 0.997,
    };
    for name in FIXTURES {
        let (dir, reference) = (ModelDir::copy(name), Reference::read(name));
        let model = ClipModel::open(dir.checkpoint()).unwrap();
        for (precision, bound) in [(Precision::Bf16, 0.9999), (Precision::Int8, least_in_int8)] {
            let (images, texts) = embed_in(precision, &model, &reference);
            let cosines = [
                smallest_cosine(&images, &reference.images),
                smallest_cosine(&texts, &reference.texts),
            ];
            assert!(
                cosines.iter().all(|cosine| (bound..1.0).contains(cosine)),
                "{name} in {precision:?}: {cosines:?}"
            );
        }
    }
}

#[test]
fn images_and_texts_embed_as_in_transformers() {
    for name in FIXTURES {
        let dir = ModelDir::copy(name);
        let model = ClipModel::open(dir.checkpoint()).unwrap();
        assert_equals_reference(&model, &Reference::read(name));
        assert!((model.identity.logit_scale - 14.285).abs() < 0.05);
    }
}

#[test]
fn images_and_texts_embed_as_in_open_clip() {
    for name in ["made/open-clip", "made/open-clip-resnet"] {
        let dir = ModelDir::copy(name);
        let model = ClipModel::open_open_clip(dir.checkpoint()).unwrap();
        assert_equals_reference(&model, &Reference::read(name));
        assert_eq!(Model::open(dir.name()).unwrap().identity(), &model.identity);
    }
}

#[test]
fn the_legacy_end_of_text_is_the_largest_id() {
    let dir = ModelDir::copy("clip-gelu");
    dir.edit_json("config.json", |config| config["text_config"]["eos_token_id"] = json!(2));
    let model = ClipModel::open(dir.checkpoint()).unwrap();
    assert_eq!(model.config.end_of_text, EndOfText::LargestId);
    assert_equals_reference(&model, &Reference::read("clip-gelu"));
}

#[test]
fn the_first_end_counts_and_the_first_token_where_there_is_none() {
    let ids = [598, 3, 599, 7, 599];
    assert_eq!(EndOfText::LargestId.position(&ids), 2);
    assert_eq!(EndOfText::Id(599).position(&ids), 2);
    assert_eq!(EndOfText::Id(7).position(&ids), 3);
    assert_eq!(EndOfText::Id(1).position(&ids), 0);
    let mut cut = ids.to_vec();
    CutAfterEnd(EndOfText::Id(599)).finish(&mut cut);
    assert_eq!(cut, [598, 3, 599]);
}

#[test]
fn position_ids_in_the_file_change_nothing() {
    let dir = ModelDir::copy("clip-quickgelu");
    dir.edit_weights(|tensors| {
        for (name, count) in [("text_model", 77), ("vision_model", 17)] {
            let ids = Stored {
                dtype: Dtype::I64,
                shape: vec![1, count],
                data: (0..count as i64).flat_map(i64::to_le_bytes).collect(),
            };
            tensors.insert(format!("{name}.embeddings.position_ids"), ids);
        }
    });
    let model = ClipModel::open(dir.checkpoint()).unwrap();
    assert_equals_reference(&model, &Reference::read("clip-quickgelu"));
}

/// All tensors in another type.
fn convert(tensors: &mut Tensors, convert: impl Fn(&Stored) -> Stored) {
    tensors.values_mut().for_each(|stored| *stored = convert(stored));
}

#[test]
fn half_precision_weights_are_widened() {
    type Round = fn(f32) -> f32;
    type Bytes = fn(f32) -> [u8; 2];
    let cases: [(Dtype, Round, Bytes); 2] = [
        (
            Dtype::F16,
            |v| f16::from_f32(v).to_f32(),
            |v| f16::from_f32(v).to_le_bytes(),
        ),
        (
            Dtype::BF16,
            |v| bf16::from_f32(v).to_f32(),
            |v| bf16::from_f32(v).to_le_bytes(),
        ),
    ];
    let reference = Reference::read("clip-gelu");
    for (dtype, round, bytes) in cases {
        let (half, rounded) = (ModelDir::copy("clip-gelu"), ModelDir::copy("clip-gelu"));
        half.edit_weights(|tensors| convert(tensors, |stored| stored.converted(dtype, bytes)));
        rounded.edit_weights(|tensors| {
            convert(tensors, |stored| {
                stored.converted(Dtype::F32, |v| round(v).to_le_bytes())
            });
        });
        let [half, rounded] = [half, rounded].map(|dir| {
            let model = ClipModel::open(dir.checkpoint()).unwrap();
            embed(&model, &reference)
        });
        assert_eq!(half, rounded, "{dtype:?}");
        for (got, expected) in half.0.rows().zip(reference.images.rows()) {
            let cosine: f32 = got.iter().zip(expected).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.999, "{dtype:?}: {cosine}");
        }
    }
}

#[test]
fn weights_may_lie_in_several_files() {
    let dir = ModelDir::copy("clip-quickgelu");
    let mut shards = [Tensors::new(), Tensors::new()];
    let mut files = serde_json::Map::new();
    for (index, (name, stored)) in dir.tensors().into_iter().enumerate() {
        let shard = index % 2;
        files.insert(name.clone(), Value::from(format!("model-{shard}.safetensors")));
        shards[shard].insert(name, stored);
    }
    for (shard, tensors) in shards.iter().enumerate() {
        dir.write_tensors(&format!("model-{shard}.safetensors"), tensors);
    }
    dir.remove("model.safetensors");
    let index = json!({"metadata": {}, "weight_map": files});
    dir.write("model.safetensors.index.json", index.to_string().as_bytes());
    let model = ClipModel::open(dir.checkpoint()).unwrap();
    assert_equals_reference(&model, &Reference::read("clip-quickgelu"));

    dir.remove("model-1.safetensors");
    let message = ClipModel::open(dir.checkpoint()).unwrap_err().to_string();
    assert!(message.contains("model-1.safetensors"), "{message}");
    dir.edit_json("model.safetensors.index.json", |index| {
        index["weight_map"]["logit_scale"] = json!("../elsewhere.safetensors");
    });
    let message = ClipModel::open(dir.checkpoint()).unwrap_err().to_string();
    assert!(
        message.contains("index.json") && message.contains("elsewhere"),
        "{message}"
    );
}

#[test]
fn tokens_are_those_of_transformers() {
    let checkpoint = Checkpoint::open(&fixture("clip-tokenizer")).unwrap();
    let tokenizer = TextTokenizer::load(&checkpoint, 77).unwrap();
    let reference: Vec<Value> = checkpoint.json("reference.json").unwrap();
    assert!(reference.len() > 10);
    for case in reference {
        let text = case["text"].as_str().unwrap();
        let mut expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        if expected.len() > 77 {
            expected.truncate(77);
            expected[76] = 49_407;
        }
        assert_eq!(tokenizer.ids(text).unwrap(), expected, "{text:?}");
    }
    for limit in [0, 1, 2] {
        let message = TextTokenizer::load(&checkpoint, limit).err().unwrap().to_string();
        assert!(message.contains("tokenizer.json"), "{message}");
    }
}

#[test]
fn a_text_depends_neither_on_its_batch_nor_on_what_is_cut() {
    let dir = ModelDir::copy("clip-quickgelu");
    let encoder = Model::open(dir.name()).unwrap().text_encoder().unwrap();
    let (long, longest) = ("cat ".repeat(1000), "cat ".repeat(75));
    let mut texts = vec!["a cat", "", &long, "a dog", &longest];
    texts.extend(["dog cat dog"; 60]);
    let together = encoder.embed(&texts).unwrap();
    for (text, together) in texts.iter().zip(together.rows()) {
        let alone = encoder.embed(&[text]).unwrap();
        let difference = alone.as_slice().iter().zip(together).map(|(a, b)| (a - b).abs());
        assert!(difference.fold(0.0, f32::max) < 1e-5, "{text:?}");
    }
    let rows: Vec<_> = together.rows().collect();
    assert_eq!(rows[2], rows[4]);
    assert_ne!(rows[0], rows[3]);
    assert!(encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn an_image_of_another_size_is_refused() {
    let dir = ModelDir::copy("clip-gelu");
    let encoder = ClipModel::open(dir.checkpoint())
        .unwrap()
        .image_encoder(Compute::default())
        .unwrap();
    let pixels = crate::encoder::Pixels {
        size: 32,
        data: vec![0.0; 3 * 32 * 32],
    };
    let error = encoder.embed(&[&pixels]).unwrap_err();
    assert!(matches!(error, EncoderError::InputSize { expected: 64, got: 32 }));
    assert!(encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn a_model_without_usable_vectors_is_named() {
    for (name, value) in [("visual_projection.weight", f32::NAN), ("text_projection.weight", 0.0)] {
        let dir = ModelDir::copy("clip-gelu");
        dir.edit_weights(|tensors| {
            let stored = tensors.get_mut(name).unwrap();
            *stored = Stored::new(&stored.shape, &vec![value; stored.values().len()]);
        });
        let model = ClipModel::open(dir.checkpoint()).unwrap();
        let reference = Reference::read("clip-gelu");
        let images = model.image_encoder(Compute::default()).unwrap();
        let images = images.embed(&reference.pixels.iter().collect::<Vec<_>>());
        let texts = model.load_text(Compute::default()).unwrap().embed(&["a cat"]);
        let errors: Vec<String> = [images, texts]
            .into_iter()
            .filter_map(|result| Some(result.err()?.to_string()))
            .collect();
        let [message] = errors.as_slice() else {
            panic!("{errors:?}")
        };
        assert!(message.contains(dir.name()) && message.contains("damaged"), "{message}");
    }
}
