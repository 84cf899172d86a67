//! The whole way from a JPEG file to its vector, by the program's own decoder and preprocessing, against PyTorch.

use std::fs;
use std::path::Path;

use clipdex::encoder::Model;
use clipdex::query::embed_file;
use serde_json::Value;

use crate::sandbox::sample;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/starter")
            .join(name),
    )
    .unwrap()
}

#[test]
fn photographs_become_the_vectors_that_pytorch_makes() {
    let reference: Value = serde_json::from_slice(&fixture("reference.json")).unwrap();
    let tensors = fixture("reference.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&tensors).unwrap();
    let expected = tensors.tensor("image_embeds").unwrap();
    let dim = expected.shape()[1];
    let (values, _) = expected.data().as_chunks::<4>();
    let expected: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();

    let encoder = Model::open("starter").unwrap().image_encoder().unwrap();
    let names = reference["images"].as_array().unwrap();
    assert_eq!(names.len(), expected.len() / dim);
    for (name, expected) in names.iter().zip(expected.chunks_exact(dim)) {
        let name = name.as_str().unwrap();
        let vector = embed_file(encoder.as_ref(), &sample(name)).unwrap();
        let cosine: f32 = vector.iter().zip(expected).map(|(a, b)| a * b).sum();
        assert!(cosine >= 0.995, "{name}: {cosine}");
    }
}
