//! One small photograph in every format, by other people's encoders: samples/README.md says whose.

use super::*;

macro_rules! samples {
    ($($name:literal: $format:ident),* $(,)?) => {
        /// Name, format and content of every file that shows source.png.
        const SAMPLES: &[(&str, Format, &[u8])] = &[
            $(($name, Format::$format, include_bytes!(concat!("samples/", $name)))),*
        ];
    };
}

samples! {
    "444.jpg": Jpeg,
    "422.jpg": Jpeg,
    "440.jpg": Jpeg,
    "420.jpg": Jpeg,
    "411.jpg": Jpeg,
    "restart.jpg": Jpeg,
    "progressive-420.jpg": Jpeg,
    "adobe-rgb.jpg": Jpeg,
    "grey.jpg": Jpeg,
    "grey-progressive.jpg": Jpeg,
    "exif-xmp.jpg": Jpeg,
    "turned-exif.jpg": Jpeg,
    "inks.jpg": Jpeg,
    "inks-ycck.jpg": Jpeg,
    "animated.png": Png,
    "palette.png": Png,
    "exif-xmp.png": Png,
    "grey16.png": Png,
    "animated.webp": WebP,
    "exif-xmp.webp": WebP,
    "lzw.tif": Tiff,
    "pages.tif": Tiff,
    "cmyk.tif": Tiff,
    "inks.tif": Tiff,
    "palette.tif": Tiff,
    "jpeg.tif": Tiff,
    "turned.tif": Tiff,
    "grey16.tif": Tiff,
    "raw.tga": Tga,
    "rle.tga": Tga,
    "grey.tga": Tga,
    "picture.ico": Ico,
    "bitmap.ico": Ico,
    "reversible.jp2": Jpeg2000,
    "lossy.j2k": Jpeg2000,
    "grey.jp2": Jpeg2000,
    "lossless.jxl": JpegXl,
    "lossy.jxl": JpegXl,
    "turned.jxl": JpegXl,
    "exif-xmp.jxl": JpegXl,
    "from-jpeg.jxl": JpegXl,
    "444.heic": Heic,
    "exif-xmp.heic": Heic,
    "444.avif": Avif,
    "ten-bits.avif": Avif,
    "turned.avif": Avif,
}

/// Every file with its format.
pub(super) fn files() -> impl Iterator<Item = (Format, Vec<u8>)> {
    SAMPLES.iter().map(|&(_, format, bytes)| (format, bytes.to_vec()))
}

/// What every file shows: 48 x 32 pixels, upright.
fn source() -> image::RgbImage {
    let source = image::load_from_memory(include_bytes!("samples/source.png"));
    source.unwrap().into_rgb8()
}

/// Mean difference of an image from source.png in levels, from its luminance alone where that is all there is.
fn mean_difference(photo: &Photo, grey: bool) -> f64 {
    let source = source();
    let luminance = |[r, g, b]: [u8; 3]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    let (ours, _) = photo.image.data().as_chunks::<3>();
    let differences = ours.iter().zip(source.pixels()).map(|(&ours, theirs)| {
        if grey {
            return (luminance(ours) - luminance(theirs.0)).abs();
        }
        let sum: u32 = ours.iter().zip(theirs.0).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
        f64::from(sum) / 3.0
    });
    differences.sum::<f64>() / ours.len() as f64
}

/// Asserts that the photograph is the one that every sample shows, upright.
pub(super) fn assert_is_source(photo: &Photo, name: &str) {
    assert_eq!((photo.info.width, photo.info.height), (48, 32), "{name}");
    assert_eq!((photo.image.width(), photo.image.height()), (48, 32), "{name}");
    let difference = mean_difference(photo, name.contains("grey"));
    // The photograph itself is 40 levels from its own reflection.
    assert!(difference < 6.0, "{name}: {difference}");
}

#[test]
fn every_sample_is_told_by_its_content_and_shows_the_photograph() {
    for &(name, format, bytes) in SAMPLES {
        assert_eq!(sniff(bytes), Some(format), "{name}");
        let photo = decode_default(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(photo.info.format, format, "{name}");
        assert_is_source(&photo, name);
    }
}

#[test]
fn the_measure_tells_pictures_apart() {
    let mut photo = decode_default(include_bytes!("samples/source.png")).unwrap();
    assert_eq!(mean_difference(&photo, false), 0.0);
    let mirrored = image::imageops::flip_horizontal(&source());
    photo.image = RgbImage::new(48, 32, mirrored.into_raw()).unwrap();
    assert!(mean_difference(&photo, false) > 12.0 && mean_difference(&photo, true) > 12.0);
}

#[test]
fn exif_and_xmp_are_read_in_every_format_that_has_them() {
    for &(name, _, bytes) in SAMPLES.iter().filter(|(name, ..)| name.contains("exif")) {
        let photo = decode_default(bytes).unwrap();
        assert_eq!(photo.metadata.make.as_deref(), Some("Maker"), "{name}");
        let taken = photo.metadata.taken.unwrap().to_string();
        assert_eq!(taken, "2024-05-01T12:34:56+02:00", "{name}");
        if name.contains("xmp") {
            assert_eq!(photo.metadata.rating, Some(4), "{name}");
            assert_eq!(photo.metadata.keywords, ["coffee"], "{name}");
        }
    }
}

#[test]
fn variants_that_are_not_decoded_say_which_they_are() {
    for (bytes, variant) in [
        (&include_bytes!("samples/twelve-bits.jpg")[..], "12 bits a sample"),
        (include_bytes!("samples/arithmetic.jpg"), "arithmetic coding"),
    ] {
        let message = decode_default(bytes).unwrap_err().to_string();
        assert!(message.contains(variant), "{message}");
    }
}

#[test]
fn tiles_are_laid_side_by_side() {
    let photo = decode_default(include_bytes!("samples/grid.avif")).unwrap();
    assert_eq!((photo.info.width, photo.info.height), (192, 128));
    let image = image::RgbImage::from_raw(192, 128, photo.image.data().to_vec()).unwrap();
    let small = image::imageops::resize(&image, 48, 32, image::imageops::FilterType::Triangle);
    let whole = Photo {
        image: RgbImage::new(48, 32, small.into_raw()).unwrap(),
        ..photo
    };
    assert!(mean_difference(&whole, false) < 6.0);
}

#[test]
fn a_lower_resolution_of_jpeg_2000_is_enough() {
    let photo = decode_reduced(include_bytes!("samples/reversible.jp2"), &Limits::default(), 8).unwrap();
    assert_eq!((photo.info.width, photo.info.height), (48, 32));
    assert!((8..32).contains(&photo.image.height()), "{}", photo.image.height());
}
