//! Images of HEIF files that are laid together, cropped, turned and seen through.

use super::container::heif::Heif;
use super::raw::boxed;
use super::*;

/// Four times the sample side by side, to be turned counter-clockwise by so many quarters, as phones write HEIC.
fn heic_grid(quarters: u8) -> Vec<u8> {
    let sample = include_bytes!("samples/444.heic");
    let heif = Heif::new(sample).unwrap();
    // It is a tile of 64 x 64 pixels itself, of which the photograph is the upper left.
    let tile = heif.references(b"dimg", heif.primary)[0];
    let data = heif.data(tile).unwrap();
    let config = heif.property(tile, b"hvcC").unwrap();
    // Version and flags in front.
    let versioned = |kind: &[u8], content: &[&[u8]]| boxed(kind, &[&[0; 4], content.concat().as_slice()]);
    let size = |width: u32, height: u32| versioned(b"ispe", &[&width.to_be_bytes(), &height.to_be_bytes()]);
    let entry = |id: u8, kind: &[u8]| boxed(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], kind, &[0]]);
    let tiles: Vec<u8> = (2..=5).flat_map(|id| entry(id, b"hvc1")).collect();
    // Two rows of two columns, whose last are cut to the photograph.
    let grid = [0, 0, 1, 1, 0, 112, 0, 96];
    let file = |offset: u32| {
        let place = |id: u8, offset: u32, length: usize| {
            let place = [offset, length as u32].map(u32::to_be_bytes).concat();
            [&[0, id, 0, 0, 0, 1][..], &place].concat()
        };
        let places: Vec<u8> = (2..=5).flat_map(|id| place(id, offset + 8, data.len())).collect();
        let properties = boxed(
            b"ipco",
            &[
                &size(112, 96),
                &size(64, 64),
                &boxed(b"hvcC", &[config]),
                &boxed(b"irot", &[&[quarters]]),
            ],
        );
        // Item, number of properties and their places.
        let of_tiles: Vec<u8> = (2..=5).flat_map(|id| [0, id, 2, 2, 3]).collect();
        let associations = versioned(b"ipma", &[&[0, 0, 0, 5], &[0, 1, 2, 1, 4], &of_tiles]);
        let meta = versioned(
            b"meta",
            &[
                &versioned(b"hdlr", &[&[0; 4], b"pict", &[0; 13]]),
                &versioned(b"pitm", &[&[0, 1]]),
                &versioned(b"iloc", &[&[0x44, 0, 0, 5], &place(1, offset, grid.len()), &places]),
                &versioned(b"iinf", &[&[0, 5], &entry(1, b"grid"), &tiles]),
                &versioned(b"iref", &[&boxed(b"dimg", &[&[0, 1, 0, 4, 0, 2, 0, 3, 0, 4, 0, 5]])]),
                &boxed(b"iprp", &[&properties, &associations]),
            ],
        );
        let head = [boxed(b"ftyp", &[b"heic\0\0\0\0mif1heic"]), meta].concat();
        (head.len() as u32 + 8, [head, boxed(b"mdat", &[&grid, &data])].concat())
    };
    let (offset, _) = file(0);
    file(offset).1
}

/// Part of a photograph, as one of its own.
fn part(photo: &Photo, left: u32, top: u32) -> Photo {
    let (width, height) = (photo.image.width(), photo.image.height());
    let image = image::RgbImage::from_raw(width, height, photo.image.data().to_vec()).unwrap();
    let part = image::imageops::crop_imm(&image, left, top, 48, 32).to_image();
    Photo {
        image: RgbImage::new(48, 32, part.into_raw()).unwrap(),
        info: PhotoInfo {
            width: 48,
            height: 32,
            ..photo.info
        },
        metadata: Metadata::default(),
    }
}

#[test]
fn heic_tiles_are_laid_side_by_side() {
    let photo = decode_default(&heic_grid(0)).unwrap();
    assert_eq!(photo.info.format, Format::Heic);
    assert_eq!((photo.info.width, photo.info.height), (112, 96));
    for (left, top) in [(0, 0), (64, 0), (0, 64), (64, 64)] {
        samples::assert_is_source(&part(&photo, left, top), "tile");
    }
}

/// Reduced tile by tile, or decoded in full: turned and sized alike, and of the same colours.
#[test]
fn reduced_tiles_show_what_the_whole_shows() {
    for quarters in 0..4 {
        let bytes = heic_grid(quarters);
        let whole = decode_default(&bytes).unwrap();
        for (enough, by) in [(49, 1), (48, 2), (24, 4), (12, 8)] {
            let reduced = decode_reduced(&bytes, &Limits::default(), enough).unwrap();
            assert_eq!(
                (reduced.info.width, reduced.info.height),
                (whole.info.width, whole.info.height)
            );
            let (width, height) = (whole.info.width / by, whole.info.height / by);
            assert_eq!((reduced.image.width(), reduced.image.height()), (width, height));
            let image =
                image::RgbImage::from_raw(whole.image.width(), whole.image.height(), whole.image.data().to_vec());
            let expected = image::imageops::thumbnail(&image.unwrap(), width, height);
            let difference = greatest_difference(reduced.image.data(), &expected);
            assert!(difference <= 8, "{quarters} quarters, by {by}: {difference}");
        }
    }
}

#[test]
fn tiles_keep_within_what_memory_is_allowed() {
    let limits = Limits {
        max_alloc_bytes: 64 * 64 * 13,
        ..Limits::default()
    };
    let error = decode_reduced(&heic_grid(0), &limits, 12).unwrap_err();
    assert!(matches!(error, MediaError::Memory { .. }), "{error}");
}

#[test]
fn an_avif_shows_its_clean_aperture() {
    let photo = decode_default(include_bytes!("libavif/clean-aperture.avif")).unwrap();
    assert_eq!((photo.info.width, photo.info.height), (180, 100));
    let (pixels, _) = photo.image.data().as_chunks::<3>();
    assert_eq!(pixels.len(), 180 * 100);
    for (place, expected) in [
        (0, [0, 0, 255]),
        (pixels.len() - 1, [0, 0, 255]),
        (180 * 50 + 90, [255, 0, 255]),
    ] {
        assert!(
            greatest_difference(&pixels[place], &expected) <= 8,
            "{:?}",
            pixels[place]
        );
    }
}

#[test]
fn an_avif_lies_over_white_as_its_opacity_says() {
    let photo = decode_default(include_bytes!("libavif/grids-with-opacity.avif")).unwrap();
    assert_eq!((photo.info.width, photo.info.height), (80, 80));
    let (pixels, _) = photo.image.data().as_chunks::<3>();
    assert!(greatest_difference(&pixels[0], &[255; 3]) <= 4, "{:?}", pixels[0]);
    let [r, g, b] = pixels[80 * 68 + 40];
    assert!(g > r + 20 && g > b + 20, "{r} {g} {b}");
}

#[test]
fn what_an_avif_says_of_its_samples_comes_before_what_the_stream_says() {
    let mut bytes = include_bytes!("samples/444.avif").to_vec();
    let said = decode_default(&bytes).unwrap();
    // Whether levels run from 0 to 255, behind three numbers.
    let range = bytes.windows(4).position(|name| name == b"nclx").unwrap() + 10;
    bytes[range] ^= 0x80;
    let other = decode_default(&bytes).unwrap();
    assert!(greatest_difference(said.image.data(), other.image.data()) >= 8);
}
