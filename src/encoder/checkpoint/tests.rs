//! What happens with directories that are not what they should be, and what the fingerprint sees.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::*;
use crate::encoder::Model;
use crate::encoder::clip::ClipModel;
use crate::encoder::models::FamilyModel;
use crate::encoder::testing::{ModelDir, Stored};

/// The error that opening the model and loading both its sides ends with.
#[track_caller]
fn failure(dir: &ModelDir) -> String {
    let load = || {
        let model = Model::open(dir.name())?;
        model.image_encoder()?;
        model.text_encoder().map(|_| ())
    };
    load().unwrap_err().to_string()
}

#[track_caller]
fn assert_names(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "no {word} in: {message}");
    }
}

#[test]
fn damaged_weights_are_named() {
    let dir = ModelDir::copy("clip-quickgelu");
    let whole = fs::read(dir.path().join("model.safetensors")).unwrap();
    let mut huge_header = whole.clone();
    huge_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut longer = whole.clone();
    longer.push(0);
    for damaged in [
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 1],
        &whole[..100],
        &whole[..7],
        &[],
        b"these are no weights at all",
        &huge_header,
        &longer,
    ] {
        dir.write("model.safetensors", damaged);
        assert_names(&failure(&dir), &[dir.name(), "model.safetensors"]);
    }
}

#[test]
fn a_wrong_tensor_is_named_with_its_file() {
    for (name, stored, cause) in [
        (
            "visual_projection.weight",
            Stored::new(&[48, 63], &[0.0; 48 * 63]),
            "[48, 63]",
        ),
        (
            "text_model.final_layer_norm.bias",
            Stored::new(&[8, 8], &[0.0; 64]),
            "[8, 8]",
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            Stored::new(&[16, 64], &[0.0; 1024]),
            "[17, 64]",
        ),
        (
            "text_model.encoder.layers.2.mlp.fc1.bias",
            Stored::new(&[0], &[]),
            "[0]",
        ),
        ("logit_scale", Stored::new(&[2], &[1.0, 2.0]), "[2]"),
    ] {
        let dir = ModelDir::copy("clip-quickgelu");
        dir.edit_weights(|tensors| {
            tensors.insert(name.to_owned(), stored);
        });
        assert_names(&failure(&dir), &["model.safetensors", name, cause]);
    }
}

#[test]
fn a_missing_tensor_is_named_and_hinders_its_side_alone() {
    let dir = ModelDir::copy("clip-quickgelu");
    dir.edit_weights(|tensors| {
        tensors.remove("vision_model.encoder.layers.1.self_attn.k_proj.weight");
    });
    assert_names(
        &failure(&dir),
        &[
            "model.safetensors",
            "vision_model.encoder.layers.1.self_attn.k_proj.weight",
        ],
    );
    assert!(Model::open(dir.name()).unwrap().text_encoder().is_ok());
    for name in ["siglip", "clip-gelu"] {
        let names: Vec<String> = ModelDir::copy(name).tensors().into_keys().collect();
        for missing in names {
            let dir = ModelDir::copy(name);
            dir.edit_weights(|tensors| {
                tensors.remove(&missing);
            });
            assert_names(&failure(&dir), &["model.safetensors", &missing]);
        }
    }
}

#[test]
fn a_configuration_that_lies_is_found_out() {
    let cases = [
        (
            "text_config",
            "hidden_size",
            json!(1_000_000_000_000_000u64),
            "hidden_size",
        ),
        ("text_config", "hidden_size", json!(1 << 20), "1048576"),
        ("text_config", "hidden_size", json!(0), "hidden_size"),
        ("text_config", "num_attention_heads", json!(0), "num_attention_heads"),
        ("text_config", "num_attention_heads", json!(7), "multiple"),
        ("text_config", "num_hidden_layers", json!(1 << 20), "layers"),
        ("text_config", "vocab_size", json!(1 << 20), "token_embedding"),
        (
            "text_config",
            "max_position_embeddings",
            json!(78),
            "position_embedding",
        ),
        ("text_config", "hidden_act", json!("relu"), "relu"),
        ("text_config", "layer_norm_eps", json!("small"), "text_config"),
        ("vision_config", "hidden_size", json!(-64), "vision_config"),
        ("vision_config", "intermediate_size", json!(1 << 20), "mlp.fc1"),
        ("vision_config", "image_size", json!(1 << 20), "position_embedding"),
        ("vision_config", "patch_size", json!(0), "patch_size"),
        ("vision_config", "patch_size", json!(64), "patch_size"),
        ("vision_config", "num_hidden_layers", json!(4), "layers."),
    ];
    for name in ["clip-quickgelu", "siglip"] {
        for (tower, field, value, word) in &cases {
            let dir = ModelDir::copy(name);
            dir.edit_json("config.json", |config| config[tower][field] = value.clone());
            assert_names(&failure(&dir), &[dir.name(), word]);
        }
    }
    let dir = ModelDir::copy("clip-gelu");
    for dim in [0u64, 33, u64::MAX] {
        dir.edit_json("config.json", |config| config["projection_dim"] = json!(dim));
        assert_names(&failure(&dir), &["projection"]);
    }
}

#[test]
fn files_that_are_something_else_are_named() {
    for (file, content) in [
        ("config.json", "no JSON"),
        ("config.json", "[]"),
        ("config.json", r#"{"model_type": "bert"}"#),
        ("config.json", r#"{"model_type": "clip", "text_config": 3}"#),
        ("tokenizer.json", "{}"),
        ("tokenizer.json", "no JSON"),
        ("tokenizer.json", r#"{"version": "1.0", "decoder": {"type": "Fuse""#),
        (
            "tokenizer.json",
            r#"{"version": "1.0", "model": {"type": "BPE", "vocab": 7}}"#,
        ),
        ("preprocessor_config.json", r#"{"image_mean": "grey"}"#),
        ("preprocessor_config.json", r#"{"crop_size": 99}"#),
    ] {
        let dir = ModelDir::copy("clip-gelu");
        dir.write(file, content.as_bytes());
        assert_names(&failure(&dir), &[dir.name(), file]);
    }
}

#[test]
fn missing_files_are_named() {
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        let dir = ModelDir::copy("siglip");
        dir.remove(file);
        assert_names(&failure(&dir), &[dir.name(), file, "missing"]);
    }
    let message = Model::open("no/such/directory").unwrap_err().to_string();
    assert_names(&message, &["no/such/directory"]);
    let dir = ModelDir::copy("siglip");
    let file = dir.path().join("config.json");
    assert_names(
        &Model::open(file.to_str().unwrap()).unwrap_err().to_string(),
        &["config.json"],
    );
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = ModelDir::copy("siglip");
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let config = dir.path().join("config.json");
    for (path, denied, allowed) in [
        (dir.path(), 0o000, 0o700),
        (dir.path(), 0o400, 0o700),
        (config.as_path(), 0o000, 0o600),
    ] {
        set(path, denied);
        // The superuser may read everything, and learns nothing here.
        let readable = fs::read(&config).is_ok();
        let result = Model::open(dir.name());
        set(path, allowed);
        if !readable {
            assert_names(&result.unwrap_err().to_string(), &[dir.name(), "ermission denied"]);
        }
    }
}

#[test]
fn the_fingerprint_tells_models_apart_and_not_places() {
    let fingerprint = |dir: &ModelDir| Model::open(dir.name()).unwrap().identity().fingerprint;
    let (dir, same) = (ModelDir::copy("clip-gelu"), ModelDir::copy("clip-gelu"));
    let original = fingerprint(&dir);
    same.write("README.md", b"of no consequence");
    assert_eq!(fingerprint(&same), original);
    let changes: [&dyn Fn(&ModelDir); 5] = [
        &|dir| {
            dir.edit_json("config.json", |config| {
                config["text_config"]["hidden_act"] = json!("quick_gelu");
            });
        },
        &|dir| {
            dir.edit_json("tokenizer.json", |tokenizer| {
                tokenizer["model"]["vocab"]["bird"] = json!(4);
            });
        },
        &|dir| dir.write("preprocessor_config.json", b"{}"),
        &|dir| {
            dir.edit_weights(|tensors| {
                let bias = tensors.get_mut("text_model.encoder.layers.1.mlp.fc2.bias").unwrap();
                bias.data[128] ^= 1;
            });
        },
        &|dir| {
            dir.edit_weights(|tensors| {
                let renamed = tensors.remove("logit_scale").unwrap();
                tensors.insert("logit_scale.copy".to_owned(), renamed.clone());
                tensors.insert("logit_scale".to_owned(), renamed);
            });
        },
    ];
    let mut seen = vec![original];
    for change in changes {
        let dir = ModelDir::copy("clip-gelu");
        change(&dir);
        let changed = fingerprint(&dir);
        assert!(!seen.contains(&changed));
        seen.push(changed);
    }
}

#[test]
fn a_model_is_remembered_by_its_absolute_path() {
    // Tests run in the package's directory.
    let model = Model::open("tests/fixtures/siglip").unwrap();
    let name = &model.identity().name;
    assert_eq!(Path::new(name), crate::encoder::testing::fixture("siglip"));
    assert_eq!(Model::open(name).unwrap().identity(), model.identity());
}

/// The vector of a text in a model whose derived files lie in `cache`.
fn text_vector(dir: &ModelDir, cache: &Path) -> Vec<f32> {
    let checkpoint = dir.checkpoint().caching_in(Cache::at(cache));
    let encoder = ClipModel::open(checkpoint).unwrap().text_encoder(Compute::default());
    encoder.unwrap().embed(&["a cat"]).unwrap().as_slice().to_vec()
}

/// Turns the first rows of a matrix, far from its middle, by so many rows, and says that the file was written `seconds`
/// after 1970.
fn turn_first_rows(dir: &ModelDir, rows: usize, seconds: u64) {
    dir.edit_weights(|tensors| {
        let matrix = tensors.get_mut("text_model.encoder.layers.0.mlp.fc1.weight").unwrap();
        let row = matrix.data.len() / matrix.shape[0];
        matrix.data[..4 * row].rotate_left(rows * row);
    });
    let file = File::options().write(true).open(dir.path().join(SINGLE)).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn models_that_share_a_fingerprint_do_not_share_packed_weights() {
    let cache = tempfile::tempdir().unwrap();
    let (first, second) = (ModelDir::copy("clip-gelu"), ModelDir::copy("clip-gelu"));
    turn_first_rows(&first, 0, 1_000_000_000);
    turn_first_rows(&second, 1, 2_000_000_000);
    let fingerprint = |dir: &ModelDir| dir.checkpoint().fingerprint().unwrap();
    assert_eq!(fingerprint(&first), fingerprint(&second));
    let own = [&first, &second].map(|dir| text_vector(dir, tempfile::tempdir().unwrap().path()));
    assert_ne!(own[0], own[1]);
    for _ in 0..2 {
        assert_eq!([&first, &second].map(|dir| text_vector(dir, cache.path())), own);
    }
    // The same directory, rewritten.
    turn_first_rows(&first, 1, 3_000_000_000);
    assert_eq!(text_vector(&first, cache.path()), own[1]);
    let files = fs::read_dir(cache.path().join("packed")).unwrap();
    assert_eq!(files.count(), 1);
}
