use candle_core::DType;

use super::*;
use crate::encoder::testing::{LEAST_IN_F16, ModelDir, Reference, assert_same};
use crate::encoder::towers::Compute;
use crate::encoder::{Embeddings, ImageEncoder, TextEncoder};

/// In the second the towers' widths differ.
const FIXTURES: [&str; 2] = ["siglip", "made/siglip2"];

fn embed_on(accelerator: &Accelerator, model: &SiglipModel, reference: &Reference) -> (Embeddings, Embeddings) {
    let images = model.load_image_on(accelerator).unwrap();
    let images = images.embed(&reference.pixels.iter().collect::<Vec<_>>()).unwrap();
    let texts = model.load_text_on(accelerator).unwrap();
    (images, texts.embed_tokens(&reference.ids).unwrap())
}

#[test]
fn images_and_texts_embed_on_a_device_as_in_transformers_and_by_the_kernels() {
    for name in FIXTURES {
        let (dir, reference) = (ModelDir::copy(name), Reference::read(name));
        let model = SiglipModel::open(dir.checkpoint()).unwrap();
        let (images, texts) = embed_on(&Accelerator::cpu(DType::F32), &model, &reference);
        assert_same(&images, &reference.images, "image");
        assert_same(&texts, &reference.texts, "text");
        let by_kernels = model.load_image(Compute::default()).unwrap();
        let by_kernels = by_kernels.embed(&reference.pixels.iter().collect::<Vec<_>>()).unwrap();
        assert_same(&images, &by_kernels, "image by the kernels");
        let by_kernels = model.load_text(Compute::default()).unwrap();
        assert_same(
            &texts,
            &by_kernels.embed_tokens(&reference.ids).unwrap(),
            "text by the kernels",
        );
    }
}

/// candle multiplies no bf16 on the CPU, so the other half precision stands for it.
#[test]
fn half_precision_stays_near() {
    for name in FIXTURES {
        let (dir, reference) = (ModelDir::copy(name), Reference::read(name));
        let model = SiglipModel::open(dir.checkpoint()).unwrap();
        let (images, texts) = embed_on(&Accelerator::cpu(DType::F16), &model, &reference);
        reference.assert_near(&images, &texts, LEAST_IN_F16, name);
    }
}

#[test]
fn a_graphics_processor_embeds_as_transformers_where_there_is_one() {
    for name in FIXTURES {
        let (dir, reference) = (ModelDir::copy(name), Reference::read(name));
        let model = SiglipModel::open(dir.checkpoint()).unwrap();
        reference.assert_on_graphics_processor(name, |accelerator| embed_on(accelerator, &model, &reference));
    }
}

#[test]
fn a_text_does_not_depend_on_its_batch_whatever_its_length() {
    let dir = ModelDir::copy("siglip");
    let model = SiglipModel::open(dir.checkpoint()).unwrap();
    let encoder = model.load_text_on(&Accelerator::cpu(DType::F32)).unwrap();
    let sequences = [vec![1, 2, 3], vec![4, 3, 2, 1, 5], vec![2, 2, 1], vec![3]];
    let together = encoder.embed_tokens(&sequences).unwrap();
    for (sequence, together) in sequences.iter().zip(together.rows()) {
        let alone = encoder.embed_tokens(std::slice::from_ref(sequence)).unwrap();
        let together = Embeddings::new(together.len(), together.to_vec()).unwrap();
        assert_same(&alone, &together, "text");
    }
    assert!(encoder.embed_tokens(&[]).unwrap().is_empty());
}
