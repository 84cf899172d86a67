use serde_json::{Value, json};

use super::*;
use crate::encoder::ImageEncoder;
use crate::encoder::testing::{ModelDir, Reference, assert_same, fixture};

fn open(dir: &ModelDir) -> Result<SiglipModel, EncoderError> {
    SiglipModel::open(dir.checkpoint())
}

#[test]
fn images_and_texts_embed_as_in_transformers() {
    // In the second the towers' widths differ, and texts are padded with another id than config.json says.
    for name in ["siglip", "made/siglip2"] {
        let (dir, reference) = (ModelDir::copy(name), Reference::read(name));
        let model = open(&dir).unwrap();
        let images = model.load_image(Compute::default()).unwrap();
        let images = images.embed(&reference.pixels.iter().collect::<Vec<_>>()).unwrap();
        assert_same(&images, &reference.images, "image");
        let texts = model.load_text(Compute::default()).unwrap();
        assert_same(&texts.embed_tokens(&reference.ids).unwrap(), &reference.texts, "text");
    }
}

#[test]
fn scale_and_bias_are_those_of_the_file() {
    let dir = ModelDir::copy("siglip");
    dir.edit_weights(|tensors| {
        for (name, value) in [("logit_scale", 2.0f32), ("logit_bias", -16.5)] {
            tensors.get_mut(name).unwrap().data = value.to_le_bytes().to_vec();
        }
    });
    let model = open(&dir).unwrap();
    assert_eq!(
        (model.identity.logit_scale, model.identity.logit_bias),
        (2f32.exp(), -16.5)
    );
}

#[test]
fn tokenizers_of_both_kinds_give_the_ids_that_sentencepiece_gives() {
    #[derive(serde::Deserialize)]
    struct Row {
        text: String,
        ids: Vec<u32>,
    }
    for name in ["made/tokenizer-unigram", "made/tokenizer-byte-fallback"] {
        let checkpoint = Checkpoint::open(&fixture(name)).unwrap();
        let tokenizer = TextTokenizer::load(&checkpoint, 64).unwrap();
        let rows: Vec<Row> = checkpoint.json("reference.json").unwrap();
        assert!(rows.iter().any(|row| row.ids.len() == 64), "a text that is cut");
        for Row { text, ids } in rows {
            assert_eq!(tokenizer.ids(&text).unwrap(), ids, "{name}: {text:?}");
        }
    }
}

#[test]
fn texts_are_padded_with_the_tokenizers_token() {
    let dir = ModelDir::copy("siglip");
    let sequence = |dir: &ModelDir, text: &str| {
        open(dir)
            .unwrap()
            .load_text(Compute::default())
            .unwrap()
            .tokenize(text)
            .unwrap()
    };
    assert_eq!(sequence(&dir, "a cat")[..6], [598, 1, 2, 599, 1, 1]);
    assert_eq!(sequence(&dir, &"cat ".repeat(1000))[61..], [2, 2, 599]);
    for token in [json!("dog"), json!({"content": "dog", "lstrip": false})] {
        dir.write(
            "tokenizer_config.json",
            json!({"pad_token": token}).to_string().as_bytes(),
        );
        let ids = sequence(&dir, "a cat");
        assert_eq!((ids.len(), ids[4], ids[63]), (64, 3, 3));
    }
}

#[test]
fn texts_are_lower_case_and_siglips_without_punctuation() {
    let dir = ModelDir::copy("siglip");
    let clean = |class: Value| {
        dir.write(
            "tokenizer_config.json",
            json!({"tokenizer_class": class}).to_string().as_bytes(),
        );
        let encoder = open(&dir).unwrap().load_text(Compute::default()).unwrap();
        encoder.sequences.clean(" A Cat's  (ÉTÉ)! 강아지 ").into_owned()
    };
    assert_eq!(clean(json!("SiglipTokenizer")), "a cats été 강아지");
    assert_eq!(clean(json!("GemmaTokenizer")), " a cat's  (été)! 강아지 ");
    assert_eq!(clean(json!("Siglip2Tokenizer")), " a cat's  (été)! 강아지 ");
    assert_eq!(clean(Value::Null), " a cat's  (été)! 강아지 ");
}

#[test]
fn a_projection_of_another_size_than_the_images_is_refused() {
    let dir = ModelDir::copy("siglip");
    dir.edit_json("config.json", |config| {
        config["text_config"]["projection_size"] = json!(40);
    });
    let message = open(&dir).unwrap_err().to_string();
    assert!(message.contains("config.json") && message.contains("40"), "{message}");
    dir.edit_json("config.json", |config| {
        config["text_config"]["projection_size"] = json!(48);
        config["vision_config"]["vision_use_head"] = json!(false);
    });
    let message = open(&dir).unwrap_err().to_string();
    assert!(message.contains("vision_use_head"), "{message}");
}
