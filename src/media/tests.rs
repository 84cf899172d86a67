mod damage;
mod heif;
mod kinds;
mod orientations;
mod raw;
mod reduced;
mod samples;

use std::io::Cursor;

use image::DynamicImage;

use super::*;

/// Formats that the image crate writes too.
const FORMATS: [Format; 9] = [
    Format::Jpeg,
    Format::Png,
    Format::WebP,
    Format::Gif,
    Format::Bmp,
    Format::Tiff,
    Format::Pnm,
    Format::Qoi,
    Format::Tga,
];

fn decode_default(bytes: &[u8]) -> Result<Photo, MediaError> {
    decode(bytes, &Limits::default())
}

fn encode(image: &DynamicImage, format: Format) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format.of_image_crate().unwrap()).unwrap();
    bytes.into_inner()
}

/// Levels that rise to the right in red, downwards in green and both ways in blue.
fn ramp(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x * 10, y * 15, (x + y) * 6].map(|level| level as u8))
    })
}

fn greatest_difference(ours: &[u8], theirs: &[u8]) -> u8 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// A little-endian TIFF of one uncompressed strip, with entries of tag, type (3 short, 4 long) and value.
fn tiff(entries: &[(u16, u16, u32)], strip: &[u8]) -> Vec<u8> {
    let mut entries = entries.to_vec();
    entries.extend([(273, 4, 8), (279, 4, strip.len() as u32)]);
    entries.sort_unstable();
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + strip.len() as u32).to_le_bytes());
    bytes.extend(strip);
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([1, value].map(u32::to_le_bytes).concat());
    }
    bytes.extend([0; 4]);
    bytes
}
