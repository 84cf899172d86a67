use candle_core::DType;

use super::*;
use crate::encoder::testing::{LEAST_IN_F16, ModelDir, Reference, assert_same};
use crate::encoder::towers::Compute;
use crate::encoder::{Embeddings, ImageEncoder, Pixels, TextEncoder};

/// Transformers' models, and one of open_clip's, whose projections are stored the other way round.
const FIXTURES: [&str; 5] = [
    "clip-quickgelu",
    "clip-gelu",
    // The image's side is no multiple of the patch's.
    "made/clip-legacy-sharded",
    "made/clip-f16",
    "made/open-clip",
];

fn open(name: &str) -> (ModelDir, ClipModel) {
    let dir = ModelDir::copy(name);
    let open = if name.contains("open-clip") {
        ClipModel::open_open_clip
    } else {
        ClipModel::open
    };
    let model = open(dir.checkpoint()).unwrap();
    (dir, model)
}

/// The sequences of the reference, as the tower reads them.
fn sequences(model: &ClipModel, reference: &Reference) -> Vec<Vec<u32>> {
    let mut sequences = reference.ids.clone();
    let cut = CutAfterEnd(model.config.end_of_text);
    sequences.iter_mut().for_each(|ids| cut.finish(ids));
    sequences
}

/// What the device makes of the fixture's inputs.
fn embed_on(accelerator: &Accelerator, model: &ClipModel, reference: &Reference) -> (Embeddings, Embeddings) {
    let images = model.load_image_on(accelerator).unwrap();
    let images = images.embed(&reference.pixels.iter().collect::<Vec<_>>()).unwrap();
    let texts = model.load_text_on(accelerator).unwrap();
    (images, texts.embed_tokens(&sequences(model, reference)).unwrap())
}

#[test]
fn images_and_texts_embed_on_a_device_as_in_the_reference_and_by_the_kernels() {
    for name in FIXTURES {
        let ((_dir, model), reference) = (open(name), Reference::read(name));
        let (images, texts) = embed_on(&Accelerator::cpu(DType::F32), &model, &reference);
        assert_same(&images, &reference.images, "image");
        assert_same(&texts, &reference.texts, "text");
        let compute = Compute::default();
        let by_kernels = model.load_text(compute).unwrap();
        let by_kernels = by_kernels.embed_tokens(&sequences(&model, &reference)).unwrap();
        assert_same(&texts, &by_kernels, "text by the kernels");
        let ImageTower::Transformer(config) = &model.config.vision else {
            panic!("{name}")
        };
        let by_kernels = model.load_transformer(config, compute).unwrap();
        let by_kernels = by_kernels.embed(&reference.pixels.iter().collect::<Vec<_>>()).unwrap();
        assert_same(&images, &by_kernels, "image by the kernels");
    }
}

/// candle multiplies no bf16 on the CPU, so the other half precision stands for it.
#[test]
fn half_precision_stays_near() {
    for name in FIXTURES {
        let ((_dir, model), reference) = (open(name), Reference::read(name));
        let (images, texts) = embed_on(&Accelerator::cpu(DType::F16), &model, &reference);
        reference.assert_near(&images, &texts, LEAST_IN_F16, name);
    }
}

#[test]
fn a_graphics_processor_embeds_as_the_reference_where_there_is_one() {
    for name in FIXTURES {
        let ((_dir, model), reference) = (open(name), Reference::read(name));
        reference.assert_on_graphics_processor(name, |accelerator| embed_on(accelerator, &model, &reference));
    }
}

#[test]
fn a_text_does_not_depend_on_its_batch() {
    let (_dir, model) = open("clip-quickgelu");
    let encoder = model.load_text_on(&Accelerator::cpu(DType::F32)).unwrap();
    let long = "cat ".repeat(1000);
    let mut texts = vec!["a cat", "", &long, "a dog"];
    texts.extend(["dog cat dog"; 120]);
    let together = encoder.embed(&texts).unwrap();
    for (text, together) in texts.iter().zip(together.rows()).take(5) {
        let together = Embeddings::new(together.len(), together.to_vec()).unwrap();
        assert_same(&encoder.embed(&[text]).unwrap(), &together, text);
    }
    assert!(encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_dir, model) = open("clip-gelu");
    let accelerator = Accelerator::cpu(DType::F32);
    let images = model.load_image_on(&accelerator).unwrap();
    for (size, values) in [(32, 3 * 32 * 32), (64, 5)] {
        let data = vec![0.0; values];
        let error = images.embed(&[&Pixels { size, data }]).unwrap_err();
        assert!(matches!(error, EncoderError::InputSize { expected: 64, .. }), "{error}");
    }
    assert!(images.embed(&[]).unwrap().is_empty());
    let texts = model.load_text_on(&accelerator).unwrap();
    let by_kernels = model.load_text(Compute::default()).unwrap();
    for (sequence, words) in [
        (vec![], ["0 tokens", "1 to 77"]),
        (vec![1; 78], ["78 tokens", "1 to 77"]),
        (vec![1, u32::MAX], ["vocabulary", "600 tokens"]),
    ] {
        let sequences = [vec![1, 2], sequence];
        for texts in [&texts as &dyn TextEncoder, &by_kernels] {
            let message = texts.embed_tokens(&sequences).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }
}

#[test]
fn a_resnet_is_for_the_cpu() {
    let (_dir, model) = open("made/open-clip-resnet");
    let accelerator = Accelerator::cpu(DType::F32);
    let message = model.load_image_on(&accelerator).err().unwrap().to_string();
    assert!(message.contains("ResNet") && message.contains("--device"), "{message}");
    model.load_text_on(&accelerator).unwrap();
}
