use super::*;
use crate::encoder::kernels::Activation;
use crate::encoder::testing::ModelDir;
use crate::encoder::{Filter, Fit, Model};

#[test]
fn a_setting_of_open_clip_that_cannot_be_run_is_refused() {
    for (tower, field, value) in [
        ("vision_cfg", "timm_model_name", json!("other")),
        ("vision_cfg", "ls_init_value", json!(0.1)),
        ("vision_cfg", "pool_type", json!("avg")),
        ("vision_cfg", "norm_kwargs", json!({"eps": 1e-6})),
        ("text_cfg", "hf_model_name", json!("other")),
        ("text_cfg", "no_causal_mask", json!(true)),
        ("text_cfg", "pool_type", json!("last")),
    ] {
        let dir = ModelDir::copy("made/open-clip");
        dir.edit_json("open_clip_config.json", |config| {
            config["model_cfg"][tower][field] = value;
        });
        let message = Model::open(dir.name()).unwrap_err().to_string();
        for word in [tower, field, "open_clip_config.json"] {
            assert!(message.contains(word), "{message}");
        }
    }
}

#[test]
fn settings_of_open_clip_that_state_a_default_change_nothing() {
    let dir = ModelDir::copy("made/open-clip");
    let plain = format!("{:?}", ClipConfig::read_open_clip(&dir.checkpoint()).unwrap());
    dir.edit_json("open_clip_config.json", |config| {
        let more = [
            ("vision_cfg", "image_size", json!([32, 32])),
            ("vision_cfg", "ls_init_value", Value::Null),
            ("vision_cfg", "pool_type", json!("tok")),
            ("vision_cfg", "output_tokens", json!(false)),
            ("vision_cfg", "timm_drop", json!(0.0)),
            ("vision_cfg", "norm_kwargs", json!({})),
            ("text_cfg", "no_causal_mask", json!(false)),
            ("text_cfg", "pool_type", json!("argmax")),
            ("text_cfg", "tokenizer_kwargs", Value::Null),
            ("text_cfg", "pad_id", json!(0)),
        ];
        for (tower, field, value) in more {
            config["model_cfg"][tower][field] = value;
        }
    });
    let stated = ClipConfig::read_open_clip(&dir.checkpoint()).unwrap();
    assert_eq!(format!("{stated:?}"), plain);
    dir.edit_json("open_clip_config.json", |config| {
        config["model_cfg"]["vision_cfg"]["image_size"] = json!([32, 64]);
    });
    let message = ClipConfig::read_open_clip(&dir.checkpoint()).unwrap_err().to_string();
    assert!(message.contains("32 x 64"), "{message}");
}

#[test]
fn a_transformer_of_open_clip_needs_a_patch_size() {
    let dir = ModelDir::copy("made/open-clip");
    dir.edit_json("open_clip_config.json", |config| {
        config["model_cfg"]["vision_cfg"]["patch_size"] = Value::Null;
    });
    let message = Model::open(dir.name()).unwrap_err().to_string();
    assert!(message.contains("patch_size is missing"), "{message}");
}

#[test]
fn open_clips_preprocessing_is_read() {
    let dir = ModelDir::copy("made/open-clip");
    dir.edit_json("open_clip_config.json", |config| {
        config["preprocess_cfg"] =
            json!({"mean": [0.1, 0.2, 0.3], "interpolation": "bilinear", "resize_mode": "squash"});
    });
    let preprocess = ClipConfig::read_open_clip(&dir.checkpoint()).unwrap().preprocess;
    let expected = Preprocess {
        mean: [0.1, 0.2, 0.3],
        fit: Fit::Squash,
        filter: Filter::Bilinear,
        ..Preprocess::clip(32)
    };
    assert_eq!(preprocess, expected);
}

#[test]
fn what_config_json_leaves_out_is_as_in_transformers() {
    let dir = ModelDir::copy("clip-gelu");
    let read = |json: Value| {
        dir.write("config.json", json.to_string().as_bytes());
        let config = ClipConfig::read(&dir.checkpoint()).unwrap();
        let ImageTower::Transformer(vision) = config.vision else {
            panic!("{:?}", config.vision)
        };
        (config, vision)
    };
    let (bare, images) = read(json!({"model_type": "clip"}));
    let (text, vision) = (bare.text.transformer, images.transformer);
    assert_eq!((bare.dim, bare.text.vocabulary, bare.text.longest), (512, 49_408, 77));
    assert_eq!((text.width, text.inner, text.layers, text.heads), (512, 2048, 12, 8));
    assert_eq!(
        (vision.width, vision.inner, vision.layers, vision.heads),
        (768, 3072, 12, 12)
    );
    assert_eq!((images.image_size, images.patch_size), (224, 32));
    assert_eq!(bare.end_of_text, EndOfText::Id(49_407));
    let (legacy, images) = read(json!({
        "text_config": null, "vision_config": {"patch_size": 16}, "vision_config_dict": {"patch_size": 14},
        "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12},
    }));
    assert_eq!((images.patch_size, legacy.text.transformer.width), (14, 768));
}

#[test]
fn sizes_and_activations_have_several_forms() {
    let dir = ModelDir::copy("clip-gelu");
    let read = |tower: &str, field: &str, value: Value| {
        dir.edit_json("config.json", |config| config[tower][field] = value);
        ClipConfig::read(&dir.checkpoint())
    };
    for (name, activation) in [
        ("gelu_python", Activation::Gelu),
        ("gelu_accurate", Activation::TanhGelu),
    ] {
        let config = read("text_config", "hidden_act", json!(name)).unwrap();
        assert_eq!(config.text.transformer.activation, activation, "{name}");
    }
    for (field, side) in [("image_size", 64), ("patch_size", 16)] {
        let config = read("vision_config", field, json!([side, side])).unwrap();
        assert!(matches!(
            config.vision,
            ImageTower::Transformer(VisionConfig {
                image_size: 64,
                patch_size: 16,
                ..
            })
        ));
        let message = read("vision_config", field, json!([side, 8])).unwrap_err().to_string();
        assert!(message.contains("no square"), "{message}");
        read("vision_config", field, json!(side)).unwrap();
    }
}
