use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder};

use super::Format;
use crate::rgb::RgbImage;

/// How the file says that it is to be turned; damaged or missing metadata means as it is.
pub(super) fn read(decoder: &mut impl ImageDecoder, format: Format, bytes: &[u8]) -> Orientation {
    let found = match format {
        // The decoder would allocate whatever length the chunk claims.
        Format::WebP => webp_exif(bytes).and_then(Orientation::from_exif_chunk),
        _ => decoder.orientation().ok(),
    };
    found.unwrap_or(Orientation::NoTransforms)
}

/// Turns `stored` to stand upright.
pub(super) fn apply(stored: image::RgbImage, orientation: Orientation) -> Option<RgbImage> {
    let (width, height) = stored.dimensions();
    // Whether what is seen at the left is the bottom row of what is stored, and at the top its last column.
    let (from_bottom, from_last) = match orientation {
        Orientation::Rotate90FlipH => (false, false),
        Orientation::Rotate90 => (true, false),
        Orientation::Rotate270FlipH => (true, true),
        Orientation::Rotate270 => (false, true),
        in_place => {
            let mut image = DynamicImage::ImageRgb8(stored);
            image.apply_orientation(in_place);
            return RgbImage::new(width, height, image.into_rgb8().into_raw());
        }
    };
    let turned = transpose(
        stored.as_raw().as_chunks().0,
        width as usize,
        height as usize,
        from_bottom,
        from_last,
    );
    RgbImage::new(height, width, turned.into_flattened())
}

/// Rows to columns, in tiles whose source stays in the cache: twice as fast over a whole photograph as row by row.
fn transpose(stored: &[[u8; 3]], width: usize, height: usize, from_bottom: bool, from_last: bool) -> Vec<[u8; 3]> {
    const TILE: usize = 32;
    let mut turned = vec![[0; 3]; stored.len()];
    for (band, rows) in turned.chunks_mut(TILE * height).enumerate() {
        for left in (0..height).step_by(TILE) {
            for (index, row) in rows.chunks_exact_mut(height).enumerate() {
                let at = band * TILE + index;
                let x = if from_last { width - 1 - at } else { at };
                for (at, pixel) in row.iter_mut().enumerate().skip(left).take(TILE) {
                    let y = if from_bottom { height - 1 - at } else { at };
                    *pixel = stored[y * width + x];
                }
            }
        }
    }
    turned
}

/// The TIFF structure in a WebP's EXIF chunk (RIFF container specification, RFC 9649, section 2.7).
fn webp_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        if name == b"EXIF" {
            // Some writers keep the prefix that EXIF has in a JPEG.
            return Some(content.strip_prefix(b"Exif\0\0").unwrap_or(content));
        }
        // Chunks are padded to an even length.
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
}
