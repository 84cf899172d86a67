use serde_json::json;

use super::*;
use crate::encoder::Model;
use crate::encoder::testing::{ModelDir, Reference, Stored, Tensors, assert_same, read_tensors};

const FIXTURE: &str = "made/open-clip-resnet";
const WEIGHTS: &str = "open_clip_model.safetensors";

/// The message with which the image side fails after the weights were changed.
fn failure(edit: impl FnOnce(&mut Tensors)) -> String {
    let dir = ModelDir::copy(FIXTURE);
    let mut tensors = read_tensors(&dir.path().join(WEIGHTS));
    edit(&mut tensors);
    dir.write_tensors(WEIGHTS, &tensors);
    let model = Model::open(dir.name()).unwrap();
    model.image_encoder().err().unwrap().to_string()
}

#[test]
fn an_image_does_not_depend_on_its_batch() {
    let dir = ModelDir::copy(FIXTURE);
    let encoder = Model::open(dir.name()).unwrap().image_encoder().unwrap();
    let reference = Reference::read(FIXTURE);
    assert_eq!(encoder.identity().image_size, 64);
    for (image, expected) in reference.pixels.iter().zip(reference.images.rows()) {
        let expected = Embeddings::new(expected.len(), expected.to_vec()).unwrap();
        assert_same(&encoder.embed(&[image]).unwrap(), &expected, "image alone");
    }
    assert!(encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn an_image_of_another_size_is_refused() {
    let dir = ModelDir::copy(FIXTURE);
    let encoder = Model::open(dir.name()).unwrap().image_encoder().unwrap();
    for (size, values) in [(32, 3 * 32 * 32), (64, 5)] {
        let data = vec![0.0; values];
        let error = encoder.embed(&[&Pixels { size, data }]).unwrap_err();
        assert!(matches!(error, EncoderError::InputSize { expected: 64, .. }), "{error}");
    }
}

#[test]
fn a_missing_tensor_is_named() {
    for name in [
        "visual.conv1.weight",
        "visual.bn2.running_var",
        "visual.layer1.0.downsample.0.weight",
        "visual.layer2.1.conv2.weight",
        "visual.attnpool.positional_embedding",
        "visual.attnpool.c_proj.bias",
    ] {
        let message = failure(|tensors| {
            tensors.remove(name);
        });
        assert!(message.contains(name) && message.contains(WEIGHTS), "{message}");
    }
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    for name in [
        "visual.conv3.weight",
        "visual.bn1.running_mean",
        "visual.layer3.0.conv3.weight",
        "visual.layer4.0.downsample.1.weight",
        "visual.attnpool.positional_embedding",
        "visual.attnpool.k_proj.weight",
    ] {
        let message = failure(|tensors| {
            tensors.insert(name.to_owned(), Stored::new(&[7], &[0.0; 7]));
        });
        assert!(message.contains(name) && message.contains("[7]"), "{message}");
    }
}

#[test]
fn impossible_settings_are_refused() {
    for (field, value) in [
        ("image_size", json!(0)),
        ("image_size", json!(72)),
        ("width", json!(1)),
        ("width", json!(1u64 << 40)),
        ("head_width", json!(0)),
        ("head_width", json!(48)),
        ("layers", json!([1, 2, 0, 1])),
        ("layers", json!([1, 2, 1])),
        ("layers", json!("many")),
    ] {
        let dir = ModelDir::copy(FIXTURE);
        dir.edit_json("open_clip_config.json", |config| {
            config["model_cfg"]["vision_cfg"][field] = value.clone();
        });
        let message = Model::open(dir.name()).unwrap_err().to_string();
        assert!(
            message.contains("open_clip_config.json") && message.contains(field),
            "{field} {value}: {message}"
        );
    }
}

#[test]
fn more_blocks_than_the_file_has_are_missed() {
    let dir = ModelDir::copy(FIXTURE);
    dir.edit_json("open_clip_config.json", |config| {
        config["model_cfg"]["vision_cfg"]["layers"] = json!([1, 2, 1, 1_000_000]);
    });
    let model = Model::open(dir.name()).unwrap();
    let message = model.image_encoder().err().unwrap().to_string();
    assert!(message.contains("visual.layer4."), "{message}");
}
