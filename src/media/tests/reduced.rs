//! JPEGs at a fraction of their size, against the whole: after both are resized to half the fraction, as a model's input is.

use image::imageops::{FilterType, resize};

use super::*;

fn resized(photo: &Photo, width: u32, height: u32) -> image::RgbImage {
    let image = &photo.image;
    let image = image::RgbImage::from_raw(image.width(), image.height(), image.data().to_vec()).unwrap();
    resize(&image, width, height, FilterType::CatmullRom)
}

fn mean_difference(ours: &[u8], theirs: &[u8]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let sum: u64 = ours.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / ours.len() as f64
}

/// Decodes to every fraction and compares; the whole's colours are stretched by the full decoder, and so differ a little
/// where they change.
fn assert_reduced(bytes: &[u8], factors: &[u32], tolerance: f64, name: &str) {
    let whole = decode_default(bytes).unwrap();
    let shorter = whole.info.width.min(whole.info.height);
    for &factor in factors {
        let enough = shorter.div_ceil(factor);
        let photo = decode_reduced(bytes, &Limits::default(), enough).unwrap();
        assert_eq!(photo.info, whole.info, "{name}");
        assert_eq!(photo.metadata, whole.metadata, "{name}");
        let (width, height) = (whole.info.width.div_ceil(factor), whole.info.height.div_ceil(factor));
        assert_eq!((photo.image.width(), photo.image.height()), (width, height), "{name}");
        let (width, height) = (width.div_ceil(2), height.div_ceil(2));
        let difference = mean_difference(&resized(&photo, width, height), &resized(&whole, width, height));
        assert!(difference < tolerance, "{name} at 1/{factor}: {difference}");
    }
}

#[test]
fn photographs_look_the_same_at_every_fraction() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/");
    for name in ["astronaut.jpg", "cameraman.jpg", "brick-wall.jpg", "grass.jpg"] {
        let bytes = std::fs::read(directory.to_owned() + name).unwrap();
        assert_reduced(&bytes, &[2, 4, 8], 2.0, name);
    }
}

#[test]
fn every_sampling_and_coding_is_reduced() {
    for (name, bytes) in [
        ("444", &include_bytes!("samples/444.jpg")[..]),
        ("422", include_bytes!("samples/422.jpg")),
        ("440", include_bytes!("samples/440.jpg")),
        ("420", include_bytes!("samples/420.jpg")),
        ("411", include_bytes!("samples/411.jpg")),
        ("restart", include_bytes!("samples/restart.jpg")),
        ("progressive", include_bytes!("samples/progressive-420.jpg")),
        ("grey", include_bytes!("samples/grey.jpg")),
        ("grey, progressive", include_bytes!("samples/grey-progressive.jpg")),
        ("RGB", include_bytes!("samples/adobe-rgb.jpg")),
        ("turned", include_bytes!("samples/turned-exif.jpg")),
    ] {
        // Colours that are a quarter as wide cannot be reduced to half by less than nothing.
        let factors: &[u32] = if name == "411" { &[4, 8] } else { &[2, 4, 8] };
        assert_reduced(bytes, factors, 3.0, name);
    }
}

#[test]
fn what_is_not_reduced_is_left_to_the_full_decoder() {
    for bytes in [&include_bytes!("cmyk.jpg")[..], include_bytes!("samples/411.jpg")] {
        let enough = decode_default(bytes).unwrap().info.height.div_ceil(2);
        assert_eq!(decode_reduced(bytes, &Limits::default(), enough), decode_default(bytes));
    }
}

#[test]
fn sides_that_are_no_multiple_of_a_block_are_rounded_up() {
    let mean = |photo: &Photo| {
        let data = photo.image.data();
        data.iter().map(|&level| f64::from(level)).sum::<f64>() / data.len() as f64
    };
    for (width, height) in [(17, 33), (8, 8), (63, 9), (24, 100)] {
        let bytes = encode(&DynamicImage::ImageRgb8(ramp(width, height)), Format::Jpeg);
        let whole = decode_default(&bytes).unwrap();
        for factor in [2, 4, 8] {
            let enough = width.min(height).div_ceil(factor);
            let photo = decode_reduced(&bytes, &Limits::default(), enough).unwrap();
            let size = (photo.image.width(), photo.image.height());
            assert_eq!(size, (width.div_ceil(factor), height.div_ceil(factor)));
            assert!(
                (mean(&photo) - mean(&whole)).abs() < 16.0,
                "{width} x {height} at 1/{factor}"
            );
        }
    }
}

#[test]
fn what_is_small_stays_whole() {
    let bytes = include_bytes!("samples/420.jpg");
    let whole = decode_default(bytes).unwrap();
    assert_eq!(decode_reduced(bytes, &Limits::default(), 17).unwrap(), whole);
}

/// A mosaic of damage: whatever the full decoder makes of it, the reduced image has the fraction's size or the whole's.
#[test]
fn damaged_coded_data_is_left_to_the_full_decoder() {
    for sample in [
        &include_bytes!("samples/restart.jpg")[..],
        include_bytes!("samples/progressive-420.jpg"),
    ] {
        let start = sample.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap() + 14;
        for at in start..sample.len() - 2 {
            let mut bytes = sample.to_vec();
            bytes[at] ^= 0x55;
            let (whole, reduced) = (decode_default(&bytes), decode_reduced(&bytes, &Limits::default(), 8));
            assert!(whole.is_err() || reduced.is_ok(), "{at}");
            if let Ok(photo) = reduced {
                assert!(matches!(photo.image.width(), 12 | 48), "{at}");
            }
        }
    }
}
