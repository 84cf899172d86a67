use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A file of each kind, some with a second variety.
fn samples() -> Vec<(Format, Vec<u8>)> {
    let image = DynamicImage::ImageRgb8(ramp(24, 16));
    let transparent = DynamicImage::ImageRgba8(image.to_rgba8());
    let mut samples: Vec<_> = FORMATS.map(|format| (format, encode(&image, format))).into();
    samples.extend([Format::Png, Format::WebP, Format::Bmp].map(|format| (format, encode(&transparent, format))));
    samples.push((
        Format::Png,
        encode(&DynamicImage::ImageRgb16(image.to_rgb16()), Format::Png),
    ));
    samples.push((Format::WebP, include_bytes!("lossy.webp").to_vec()));
    samples.push((Format::Jpeg, include_bytes!("progressive.jpg").to_vec()));
    samples.push((Format::Jpeg, include_bytes!("cmyk.jpg").to_vec()));
    samples.push((Format::Pnm, b"P2\n3 2\n4\n0 2 4 1 3 0 ".to_vec()));
    samples
}

/// [`samples`], and a file of every kind that only other software writes.
fn all_samples() -> Vec<Vec<u8>> {
    let written = samples().into_iter().chain(samples::files()).chain(raw::files());
    written.map(|(_, bytes)| bytes).collect()
}

/// The checksum of a PNG chunk (ISO 15948, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// A small file of each format that announces an enormous image; WebP has 14 bits a side, and the
/// QOI decoder refuses 400 megapixels by itself.
fn bombs() -> Vec<(Format, Vec<u8>)> {
    const SIDE: u32 = 60_000;
    let pixel = DynamicImage::ImageRgb8(ramp(1, 1));
    let patched = |format: Format, at: usize, side: &[u8]| {
        let mut bytes = encode(&pixel, format);
        bytes[at..at + 2 * side.len()].copy_from_slice(&side.repeat(2));
        bytes
    };
    let mut png = patched(Format::Png, 16, &SIDE.to_be_bytes());
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    let jpeg = encode(&pixel, Format::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    // 28 bits of the header are the two sides less one.
    let webp = [
        b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f",
        &(16_382u32 << 14 | 16_382).to_le_bytes()[..],
        &[0; 5],
    ]
    .concat();
    let strip = [
        (256, 4, SIDE),
        (257, 4, SIDE),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (277, 3, 1),
        (278, 4, SIDE),
    ];
    vec![
        (Format::Png, png),
        (
            Format::Jpeg,
            patched(Format::Jpeg, frame + 5, &(SIDE as u16).to_be_bytes()),
        ),
        (Format::Gif, patched(Format::Gif, 6, &(SIDE as u16).to_le_bytes())),
        (Format::Bmp, patched(Format::Bmp, 18, &SIDE.to_le_bytes())),
        (Format::Qoi, patched(Format::Qoi, 4, &16_384u32.to_be_bytes())),
        (Format::Tiff, tiff(&strip, &[0; 16])),
        (Format::Pnm, b"P6\n60000 60000\n255\nabc".to_vec()),
        (Format::WebP, webp),
        (Format::Tga, patched(Format::Tga, 12, &(SIDE as u16).to_le_bytes())),
    ]
}

#[test]
fn forged_dimensions_are_refused_by_name() {
    for (format, bytes) in bombs() {
        let side = match format {
            Format::WebP => 16_383,
            Format::Qoi => 16_384,
            _ => 60_000,
        };
        let error = decode_default(&bytes).unwrap_err();
        let expected = MediaError::TooLarge {
            width: side,
            height: side,
            limit: 200_000_000,
        };
        assert_eq!(error, expected, "{format}");
        assert_eq!(
            error.to_string(),
            format!("the image is {side} x {side} pixels, and at most 200000000 pixels are decoded")
        );
    }
}

#[test]
fn memory_is_bounded_before_pixels_are_allocated() {
    let limits = Limits {
        max_pixels: u64::MAX,
        max_alloc_bytes: 100 << 20,
    };
    for (format, bytes) in bombs() {
        let error = decode(&bytes, &limits).unwrap_err();
        assert!(
            matches!(error, MediaError::Memory { .. } | MediaError::DecoderMemory { .. }),
            "{format}: {error}"
        );
    }
    // Every coefficient of a progressive JPEG is held.
    let (plain, progressive) = (
        encode(&DynamicImage::ImageRgb8(ramp(24, 16)), Format::Jpeg),
        include_bytes!("progressive.jpg"),
    );
    let limits = Limits {
        max_alloc_bytes: 24 * 16 * 3 * 2,
        ..Limits::default()
    };
    assert!(decode(&plain, &limits).is_ok());
    let needed = 24 * 16 * (3 + 3 * 2);
    let expected = MediaError::Memory {
        width: 24,
        height: 16,
        needed,
        limit: limits.max_alloc_bytes,
    };
    assert_eq!(decode(progressive, &limits), Err(expected));
}

#[test]
fn files_that_are_cut_off_are_errors_of_one_line() {
    for (format, bytes) in samples() {
        for end in 0..bytes.len() * 3 / 4 {
            let error = decode_default(&bytes[..end]).expect_err(&format!("{format} cut at {end} of {}", bytes.len()));
            let message = error.to_string();
            assert!(
                !message.is_empty() && !message.contains(char::is_control),
                "{format}: {message:?}"
            );
        }
    }
}

#[test]
fn a_jpeg_without_its_end_is_refused_and_one_with_a_tail_is_read() {
    let bytes = encode(&DynamicImage::ImageRgb8(ramp(24, 16)), Format::Jpeg);
    let error = decode_default(&bytes[..bytes.len() - 2]).unwrap_err();
    assert_eq!(error.to_string(), "JPEG data ends early: the file is cut off");
    assert!(decode_default(&[&bytes[..], b"tail"].concat()).is_ok());
}

#[test]
fn an_image_without_pixels_is_refused() {
    for bytes in [&b"P6\n0 5\n255\n"[..], b"P5\n5 0\n255\n"] {
        assert!(decode_default(bytes).is_err());
    }
}

/// Small limits keep forged sizes from costing time; a panic is what the tests look for.
fn decode_without_panic(bytes: &[u8]) {
    let limits = Limits {
        max_pixels: 1 << 20,
        max_alloc_bytes: 32 << 20,
    };
    if let Ok(photo) = decode(bytes, &limits) {
        assert_eq!(
            (photo.info.width, photo.info.height),
            (photo.image.width(), photo.image.height())
        );
    }
    drop(decode_reduced(bytes, &limits, 8));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        decode_without_panic(&bytes);
        // The same behind each format's first bytes.
        for sample in all_samples() {
            decode_without_panic(&[&sample[..16.min(sample.len())], &bytes].concat());
        }
    }

    #[test]
    fn mutated_files_never_panic(edits in vec((any::<Index>(), any::<u8>()), 1..12), cut in any::<Index>(), cuts: bool) {
        for mut bytes in all_samples() {
            for (at, value) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            decode_without_panic(&bytes);
        }
    }

    #[test]
    fn mutated_headers_never_panic(edits in vec((0..64usize, any::<u8>()), 1..5)) {
        for mut bytes in all_samples() {
            for &(at, value) in &edits {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            decode_without_panic(&bytes);
        }
    }
}
