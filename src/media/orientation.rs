use image::DynamicImage;
use image::metadata::Orientation;

use super::container::Blocks;
use super::metadata;
use super::tiff::Tiff;
use crate::rgb::RgbImage;

/// How a file says that its image is to be turned, in EXIF or else in XMP; damaged or missing metadata means as it is.
pub(super) fn of_blocks(blocks: &Blocks<'_>) -> Orientation {
    let exif = blocks.exif.as_deref().and_then(in_exif);
    let xmp = || blocks.xmp.as_deref().and_then(metadata::orientation);
    exif.or_else(xmp).unwrap_or(Orientation::NoTransforms)
}

/// How an EXIF block says that the image is to be turned.
pub(super) fn in_exif(block: &[u8]) -> Option<Orientation> {
    let number = Tiff::new(block)?.first()?.number(0x0112)?;
    Orientation::from_exif(u8::try_from(number).ok()?)
}

/// Whether rows become columns.
pub(super) fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
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
