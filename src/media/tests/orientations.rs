use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;

use super::*;

/// Black and white blocks of 8 pixels that look different from every side; grey blocks survive JPEG unchanged.
fn upright_image() -> image::GrayImage {
    image::GrayImage::from_fn(24, 16, |x, y| {
        image::Luma([if (x < 8 && y < 8) || x >= 16 { 255 } else { 0 }])
    })
}

/// What a camera stores of `upright`, from the table in the EXIF specification (Orientation, tag 274): where row 0 and
/// column 0 of the stored image are seen.
fn stored(upright: &image::GrayImage, orientation: u8) -> image::GrayImage {
    let (width, height) = upright.dimensions();
    let column = |at: u32, from_right: bool| if from_right { width - 1 - at } else { at };
    let row = |at: u32, from_bottom: bool| if from_bottom { height - 1 - at } else { at };
    if orientation <= 4 {
        let (from_bottom, from_right) = (matches!(orientation, 3 | 4), matches!(orientation, 2 | 3));
        image::GrayImage::from_fn(width, height, |x, y| {
            *upright.get_pixel(column(x, from_right), row(y, from_bottom))
        })
    } else {
        let (from_right, from_bottom) = (matches!(orientation, 6 | 7), matches!(orientation, 7 | 8));
        image::GrayImage::from_fn(height, width, |x, y| {
            *upright.get_pixel(column(y, from_right), row(x, from_bottom))
        })
    }
}

/// The TIFF structure of an EXIF segment with the orientation alone.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    if big_endian {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        bytes.extend([orientation, 0, 0, 0, 0, 0, 0]);
        bytes
    } else {
        let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }
}

fn encode_with_exif(image: &image::GrayImage, format: Format, exif: Vec<u8>) -> Vec<u8> {
    fn write(mut encoder: impl ImageEncoder, image: &image::RgbImage, exif: Vec<u8>) {
        encoder.set_exif_metadata(exif).unwrap();
        encoder
            .write_image(image, image.width(), image.height(), image::ExtendedColorType::Rgb8)
            .unwrap();
    }
    let image = DynamicImage::ImageLuma8(image.clone()).into_rgb8();
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => write(JpegEncoder::new_with_quality(&mut bytes, 100), &image, exif),
        Format::Png => write(PngEncoder::new(&mut bytes), &image, exif),
        _ => write(WebPEncoder::new_lossless(&mut bytes), &image, exif),
    }
    bytes
}

fn assert_upright(bytes: &[u8], orientation: u8, context: &str) {
    let photo = decode_default(bytes).unwrap();
    assert_eq!(
        (photo.info.width, photo.info.height),
        (24, 16),
        "{context}, orientation {orientation}"
    );
    assert_eq!(photo.info.orientation.to_exif(), orientation, "{context}");
    let expected = DynamicImage::ImageLuma8(upright_image()).into_rgb8();
    let difference = greatest_difference(photo.image.data(), &expected);
    assert!(difference <= 1, "{context}, orientation {orientation}: {difference}");
}

#[test]
fn all_eight_stand_upright_in_every_format_that_has_them() {
    for orientation in 1..=8 {
        let image = stored(&upright_image(), orientation);
        for format in [Format::Jpeg, Format::Png, Format::WebP] {
            for big_endian in [false, true] {
                let bytes = encode_with_exif(&image, format, exif(orientation, big_endian));
                assert_upright(&bytes, orientation, &format.to_string());
            }
        }
        let (width, height) = image.dimensions();
        let entries = [
            (256, 4, width),
            (257, 4, height),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (277, 3, 1),
        ];
        let entries = [&entries[..], &[(278, 4, height), (274, 3, u32::from(orientation))]].concat();
        assert_upright(&tiff(&entries, &image), orientation, "TIFF");
    }
}

/// Larger than a tile, and no multiple of one.
#[test]
fn tiles_cover_images_of_any_size() {
    let pixel = |x: u32, y: u32| image::Rgb([x as u8, y as u8, (x * 7 + y * 3) as u8]);
    for (width, height) in [(1, 1), (1, 100), (100, 1), (33, 64), (97, 65)] {
        let stored = image::RgbImage::from_fn(width, height, pixel);
        for orientation in (1..=8).filter_map(Orientation::from_exif) {
            let mut expected = DynamicImage::ImageRgb8(stored.clone());
            expected.apply_orientation(orientation);
            let ours = orientation::apply(stored.clone(), orientation).unwrap();
            assert_eq!((ours.width(), ours.height()), (expected.width(), expected.height()));
            assert_eq!(ours.data(), expected.as_bytes(), "{width} x {height}, {orientation:?}");
        }
    }
}

#[test]
fn a_webp_may_keep_the_prefix_of_a_jpeg() {
    let image = stored(&upright_image(), 6);
    let bytes = encode_with_exif(&image, Format::WebP, [b"Exif\0\0", &exif(6, true)[..]].concat());
    assert_upright(&bytes, 6, "prefixed WebP");
}

#[test]
fn the_number_may_be_of_any_whole_kind() {
    let image = stored(&upright_image(), 6);
    // From one byte to four, with sign and without.
    for kind in [1, 3, 4, 6, 8, 9] {
        let mut block = exif(6, false);
        block[12] = kind;
        let bytes = encode_with_exif(&image, Format::Jpeg, block);
        assert_upright(&bytes, 6, &format!("kind {kind}"));
    }
}

#[test]
fn xmp_tells_where_exif_does_not() {
    let packet = |orientation: u8| {
        format!(
            r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
            <rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><tiff:Orientation>{orientation}</tiff:Orientation>
            </rdf:Description></rdf:RDF></x:xmpmeta>"#
        )
    };
    let with_xmp = |jpeg: &[u8], orientation| {
        let payload = format!("http://ns.adobe.com/xap/1.0/\0{}", packet(orientation));
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, payload.as_bytes(), &jpeg[2..]].concat()
    };
    for orientation in 1..=8 {
        let image = stored(&upright_image(), orientation);
        let plain = encode_with_exif(&image, Format::Jpeg, b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec());
        assert_upright(&with_xmp(&plain, orientation), orientation, "XMP alone");
        let told = encode_with_exif(&image, Format::Jpeg, exif(orientation, true));
        assert_upright(&with_xmp(&told, 9 - orientation), orientation, "XMP beside EXIF");
        assert_upright(
            &with_xmp(
                &encode_with_exif(&stored(&upright_image(), 1), Format::Jpeg, Vec::new()),
                9,
            ),
            1,
            "damaged XMP",
        );
    }
}

#[test]
fn damaged_metadata_leaves_the_image_as_it_is() {
    let image = stored(&upright_image(), 1);
    for exif in [
        Vec::new(),
        b"II*\0".to_vec(),
        exif(0, false),
        exif(9, true),
        vec![0xff; 40],
    ] {
        for format in [Format::Jpeg, Format::Png, Format::WebP] {
            assert_upright(
                &encode_with_exif(&image, format, exif.clone()),
                1,
                &format!("{format} {exif:?}"),
            );
        }
    }
}
