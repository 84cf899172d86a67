use std::path::PathBuf;

use super::*;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn open(path: &str) -> RgbImage {
    let image = image::open(repository().join(path)).unwrap().into_rgb8();
    RgbImage::new(image.width(), image.height(), image.into_raw()).unwrap()
}

/// Mean and greatest absolute difference in grey levels.
fn difference(ours: &[f32], theirs: &[f32]) -> (f32, f32) {
    assert_eq!(ours.len(), theirs.len());
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    let (sum, max) = differences.fold((0.0, 0f32), |(sum, max), d| (sum + d, max.max(d)));
    (sum / ours.len() as f32, max)
}

fn levels(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&p| f32::from(p)).collect()
}

// What is left in the next two tests is the JPEG decoder's rounding: of the pixels that Pillow decodes, the mean is below
// 0.005 and the greatest 1.
#[test]
fn agrees_with_pil_on_resize_and_crop() {
    for name in ["cat", "coffee-cup", "dress-1", "galaxies", "motorcycle"] {
        let ours = Preprocess::clip(224)
            .square(&open(&format!("samples/{name}.jpg")))
            .unwrap();
        let theirs = open(&format!("tests/fixtures/preprocess/{name}.clip224.png"));
        let (mean, max) = difference(&levels(&ours), &levels(theirs.data()));
        println!("{name}: mean {mean:.4}, greatest {max}");
        assert!(mean < 0.3 && max <= 4.0, "{name}: mean {mean}, greatest {max}");
    }
}

#[test]
fn agrees_with_the_starter_reference() {
    let folder = repository().join("tests/fixtures/starter");
    let names: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("reference.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("reference.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor("pixel_values").unwrap();
    assert_eq!(tensor.shape(), [8, 3, 260, 260]);
    let reference: Vec<f32> = tensor
        .data()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&bytes| half::f16::from_le_bytes(bytes).to_f32())
        .collect();
    let names = names["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap());
    for (name, theirs) in names.zip(reference.chunks_exact(3 * 260 * 260)) {
        let ours = Preprocess::STARTER.apply(&open(&format!("samples/{name}"))).unwrap();
        assert_eq!(ours.size, 260);
        let (mean, max) = difference(&ours.data, theirs);
        println!("{name}: mean {:.4}, greatest {:.2}", mean * 128.0, max * 128.0);
        assert!(
            mean * 128.0 < 0.3 && max * 128.0 <= 5.0,
            "{name}: mean {mean}, greatest {max}"
        );
    }
}

/// A picture in which every place differs, without sharp edges.
fn gradient(width: u32, height: u32) -> RgbImage {
    let pixel = |x: u32, y: u32| {
        let (x, y) = (f64::from(x), f64::from(y));
        [(x / 3.0).sin(), (y / 4.0).cos(), ((x + y) / 5.0).sin()].map(|v| (v * 100.0 + 128.0) as u8)
    };
    let data = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)))
        .collect();
    RgbImage::new(width, height, data).unwrap()
}

#[test]
fn cropping_the_source_equals_resizing_all_and_cropping() {
    for (width, height) in [(640, 427), (333, 1000), (50, 31), (65, 64), (64, 65), (301, 97)] {
        let image = gradient(width, height);
        let preprocess = Preprocess {
            fit: Fit::Crop {
                resize: 70,
                rounding: Rounding::Down,
            },
            ..Preprocess::clip(64)
        };
        let square = preprocess.square(&image).unwrap();

        let shorter = width.min(height);
        let (full_width, full_height) = (70 * width / shorter, 70 * height / shorter);
        let source = TypedImageRef::<U8x3>::from_buffer(width, height, image.data()).unwrap();
        let mut narrow = TypedImage::<U8x3>::new(full_width, height);
        let mut full = vec![0; full_width as usize * full_height as usize * 3];
        let mut target = TypedImage::from_buffer(full_width, full_height, &mut full).unwrap();
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        Resizer::new().resize_typed(&source, &mut narrow, &options).unwrap();
        Resizer::new().resize_typed(&narrow, &mut target, &options).unwrap();
        let offset = |side: u32| (side as usize - 64) / 2;
        let (left, top) = (offset(full_width), offset(full_height));
        let rows = full.chunks_exact(full_width as usize * 3).skip(top).take(64);
        let expected: Vec<u8> = rows.flat_map(|row| row[left * 3..(left + 64) * 3].to_vec()).collect();

        let (_, max) = difference(&levels(&square), &levels(&expected));
        assert!(max <= 1.0, "{width} x {height}: {max}");
    }
}

#[test]
fn extreme_shapes_are_cut_before_they_are_resized() {
    for (width, height) in [(1, 20_000), (20_000, 1), (1, 1), (2, 100_000), (7, 3)] {
        let image = RgbImage::new(width, height, vec![51; width as usize * height as usize * 3]).unwrap();
        let pixels = Preprocess {
            mean: [0.0; 3],
            std: [1.0; 3],
            ..Preprocess::clip(224)
        }
        .apply(&image)
        .unwrap();
        assert_eq!(pixels.data.len(), 3 * 224 * 224);
        assert!(
            pixels.data.iter().all(|&v| (v - 0.2).abs() < 1e-6),
            "{width} x {height}"
        );
    }
}

#[test]
fn planes_are_normalised_channel_by_channel() {
    let image = RgbImage::new(1, 1, vec![0, 127, 255]).unwrap();
    let starter = Preprocess::STARTER.apply(&image).unwrap();
    let planes: Vec<f32> = starter.data.chunks_exact(260 * 260).map(|plane| plane[0]).collect();
    for (value, expected) in planes.iter().zip([-127.0 / 128.0, 0.0, 1.0]) {
        assert!((value - expected).abs() < 1e-6, "{value} for {expected}");
    }
    let clip = Preprocess::clip(32).apply(&image).unwrap();
    assert!((clip.data[0] - -0.481_454_66 / 0.268_629_54).abs() < 1e-6);
    assert!((clip.data[3 * 32 * 32 - 1] - (1.0 - 0.408_210_73) / 0.275_777_1).abs() < 1e-6);
}

#[test]
fn a_crop_beyond_the_resized_image_is_filled_and_none_is_refused() {
    let image = gradient(40, 30);
    let resized_to = |resize: u32| Preprocess {
        size: 20,
        fit: Fit::Crop {
            resize,
            rounding: Rounding::Nearest,
        },
        ..Preprocess::STARTER
    };
    assert_eq!(
        resized_to(10).apply(&image).unwrap(),
        resized_to(20).apply(&image).unwrap()
    );
    let none = Preprocess {
        size: 0,
        ..resized_to(10)
    };
    assert!(matches!(
        none.apply(&image),
        Err(EncoderError::Resize {
            width: 40,
            height: 30,
            ..
        })
    ));
}

#[test]
fn squashing_shows_the_whole_photograph() {
    for (filter, theirs) in [
        (Filter::Bicubic, FilterType::CatmullRom),
        (Filter::Bilinear, FilterType::Bilinear),
    ] {
        let image = gradient(301, 97);
        let squash = Preprocess {
            filter,
            ..Preprocess::siglip(64)
        };
        let square = squash.square(&image).unwrap();
        let source = TypedImageRef::<U8x3>::from_buffer(301, 97, image.data()).unwrap();
        let mut target = TypedImage::<U8x3>::new(64, 64);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(theirs));
        Resizer::new().resize_typed(&source, &mut target, &options).unwrap();
        let expected: Vec<f32> = target
            .pixels()
            .iter()
            .flat_map(|pixel| pixel.0.map(f32::from))
            .collect();
        let (_, max) = difference(&levels(&square), &expected);
        assert!(max <= 1.0, "{filter:?}: {max}");
    }
    let extremes = RgbImage::new(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
    let pixels = Preprocess::siglip(2).apply(&extremes).unwrap();
    assert_eq!(pixels.data[..4], [-1.0, 1.0, -1.0, 1.0]);
}

#[test]
fn twice_what_is_resized_to_is_enough() {
    assert_eq!(Preprocess::STARTER.enough_pixels(), 594);
    assert_eq!(Preprocess::clip(224).enough_pixels(), 448);
    assert_eq!(Preprocess::siglip(384).enough_pixels(), 768);
}
