use image::codecs::gif::GifEncoder;
use image::{Frame, RgbaImage};

use super::*;

#[test]
fn every_format_decodes_to_its_pixels_and_is_told_by_its_content() {
    // Few enough colours for a GIF.
    let image = DynamicImage::ImageRgb8(ramp(15, 16));
    for format in FORMATS {
        let bytes = encode(&image, format);
        assert_eq!(sniff(&bytes), Some(format));
        let photo = decode_default(&bytes).unwrap();
        assert_eq!(
            photo.info,
            PhotoInfo {
                format,
                width: 15,
                height: 16,
                orientation: Orientation::NoTransforms
            },
            "{format}"
        );
        let tolerance = if format == Format::Jpeg { 24 } else { 0 };
        let difference = greatest_difference(photo.image.data(), image.as_bytes());
        assert!(difference <= tolerance, "{format}: {difference}");
    }
}

#[test]
fn files_of_other_software_decode_to_what_it_reads() {
    // Made by Pillow of the same ramp; its own decoder gives these pixels at rows 0, 8, 15 and columns 0, 12, 23.
    let lossy = [[3, 1, 0], [123, 120, 121], [230, 226, 225]];
    let progressive = [[0, 1, 0], [121, 119, 120], [230, 224, 226]];
    let cmyk = [[0, 0, 0], [120, 120, 120], [230, 225, 228]];
    for (name, bytes, expected) in [
        ("lossy.webp", &include_bytes!("lossy.webp")[..], lossy),
        ("progressive.jpg", include_bytes!("progressive.jpg"), progressive),
        ("cmyk.jpg", include_bytes!("cmyk.jpg"), cmyk),
    ] {
        let photo = decode_default(bytes).unwrap();
        let (pixels, _) = photo.image.data().as_chunks::<3>();
        for ((row, column), expected) in [(0, 0), (8, 12), (15, 23)].into_iter().zip(expected) {
            let difference = greatest_difference(&pixels[row * 24 + column], &expected);
            assert!(difference <= 4, "{name} at {row}, {column}: {difference}");
        }
    }
}

/// Decodes the image stored as PNG; the RGB triple of its first pixel.
fn first_pixel(image: impl Into<DynamicImage>) -> [u8; 3] {
    let photo = decode_default(&encode(&image.into(), Format::Png)).unwrap();
    photo.image.data()[..3].try_into().unwrap()
}

#[test]
fn grey_deep_and_transparent_pixels_become_rgb() {
    assert_eq!(
        first_pixel(image::GrayImage::from_pixel(2, 1, image::Luma([77]))),
        [77; 3]
    );
    assert_eq!(
        first_pixel(image::GrayAlphaImage::from_pixel(2, 1, image::LumaA([0, 64]))),
        [191; 3]
    );
    assert_eq!(
        first_pixel(RgbaImage::from_pixel(2, 1, image::Rgba([255, 0, 100, 128]))),
        [255, 127, 177]
    );
    // A quarter of a level below 128, where the high byte alone is 127.
    let grey = image::ImageBuffer::from_pixel(2, 1, image::Luma([32_832u16]));
    assert_eq!(first_pixel(DynamicImage::ImageLuma16(grey)), [128; 3]);
    let deep = image::ImageBuffer::from_pixel(2, 1, image::Rgba([65_535u16, 0, 257, 32_768]));
    assert_eq!(first_pixel(DynamicImage::ImageRgba16(deep)), [255, 127, 128]);
}

#[test]
fn one_bit_images_are_black_and_white() {
    let row = |bytes: &[u8]| -> Vec<u8> {
        decode_default(bytes)
            .unwrap()
            .image
            .data()
            .as_chunks::<3>()
            .0
            .iter()
            .map(|pixel| pixel[1])
            .collect()
    };
    assert_eq!(row(b"P4\n3 1\n\xa0"), [0, 255, 0]);
    assert_eq!(row(b"P1\n# comment\n3 1\n1 0 1"), [0, 255, 0]);
    assert_eq!(row(b"P2\n3 1\n4\n0 2 4"), [0, 128, 255]);
    let entries = [
        (256, 4, 3),
        (257, 4, 1),
        (258, 3, 1),
        (259, 3, 1),
        (277, 3, 1),
        (278, 4, 1),
    ];
    for (photometric, expected) in [(0, [0, 255, 0]), (1, [255, 0, 255])] {
        let entries = [&entries[..], &[(262, 3, photometric)]].concat();
        assert_eq!(row(&tiff(&entries, &[0b1010_0000])), expected);
    }
}

#[test]
fn a_pam_with_transparency_lies_over_white() {
    let bytes = b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\x0a\x14\x1e\x00";
    assert_eq!(decode_default(bytes).unwrap().image.data(), [255; 3]);
}

#[test]
fn the_first_frame_of_an_animation_is_taken() {
    let frame = |level: u8| Frame::new(RgbaImage::from_pixel(4, 3, image::Rgba([level, level, level, 255])));
    let mut bytes = Vec::new();
    GifEncoder::new(&mut bytes)
        .encode_frames([frame(200), frame(10)])
        .unwrap();
    let photo = decode_default(&bytes).unwrap();
    assert!(photo.image.data().iter().all(|&level| level == 200));
}

#[test]
fn float_tiffs_are_rounded_or_refused_with_the_reason() {
    let image = image::Rgb32FImage::from_pixel(2, 2, image::Rgb([0.0, 0.5, 2.0]));
    let photo = decode_default(&encode(&DynamicImage::ImageRgb32F(image), Format::Tiff)).unwrap();
    assert_eq!(photo.image.data()[..3], [0, 128, 255]);
    // One 32-bit float a pixel (SampleFormat 3).
    let entries = [
        (256, 4, 1),
        (257, 4, 1),
        (258, 3, 32),
        (259, 3, 1),
        (262, 3, 1),
        (277, 3, 1),
        (278, 4, 1),
    ];
    let entries = [&entries[..], &[(339, 3, 3)]].concat();
    let error = decode_default(&tiff(&entries, &1.0f32.to_le_bytes())).unwrap_err();
    assert!(
        matches!(
            error,
            MediaError::Unsupported {
                format: Format::Tiff,
                ..
            }
        ),
        "{error}"
    );
}
