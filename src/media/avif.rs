//! AVIF: still pictures of the AV1 codec in an HEIF file, whole or as a grid of tiles.

use super::container::heif::Heif;
use super::{Format, Limits, MediaError, Orientation, Stored, av1, colour};

/// Decodes the primary image, tile by tile.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Stored, MediaError> {
    let heif = Heif::new(bytes).ok_or_else(|| damaged("it has no image"))?;
    let item = heif.primary;
    let grid = match heif.kind(item) {
        Some(kind) if kind == *b"grid" => Grid::new(&heif, item),
        _ => heif.size(item).map(|size| Grid::of_one(item, size)),
    };
    let grid = grid.ok_or_else(|| damaged("its image is not whole"))?;
    let tile = grid.tiles.first().and_then(|&tile| heif.size(tile));
    let tile = tile.ok_or_else(|| damaged("its tiles have no size"))?;
    // The canvas, a second one while it is turned, and a tile in the decoder: three planes of up to 16 bits, and RGB.
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let needed = pixels(grid.size)
        .saturating_mul(6)
        .saturating_add(pixels(tile).saturating_mul(12));
    limits.check(Format::Avif, grid.size.0, grid.size.1, needed)?;
    Ok(Stored {
        image: compose(&heif, &grid, tile)?,
        size: grid.size,
        orientation: orientation(&heif, item),
        profile: colour::profile_of_heif(&heif),
    })
}

fn damaged(message: &str) -> MediaError {
    MediaError::Decode {
        format: Format::Avif,
        message: message.to_owned(),
    }
}

/// A grid of tiles (ISO/IEC 23008-12, section 6.6.2.3).
struct Grid {
    columns: u32,
    /// Width and height of the whole, which the last tiles may go beyond.
    size: (u32, u32),
    /// The tiles' items, row by row.
    tiles: Vec<u32>,
}

impl Grid {
    fn of_one(item: u32, size: (u32, u32)) -> Self {
        Self {
            columns: 1,
            size,
            tiles: vec![item],
        }
    }

    fn new(heif: &Heif<'_>, item: u32) -> Option<Self> {
        let data = heif.data(item)?;
        let (&[_, flags, rows, columns], sides) = data.split_first_chunk()?;
        let size = if flags & 1 == 0 {
            let &[a, b, c, d] = sides.first_chunk()?;
            (
                u32::from(u16::from_be_bytes([a, b])),
                u32::from(u16::from_be_bytes([c, d])),
            )
        } else {
            let &[a, b, c, d, e, f, g, h] = sides.first_chunk()?;
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        };
        let (rows, columns) = (u32::from(rows) + 1, u32::from(columns) + 1);
        let tiles = heif.references(b"dimg", item);
        (tiles.len() as u32 == rows * columns).then_some(Self { columns, size, tiles })
    }
}

/// Lays the tiles of a grid side by side.
fn compose(heif: &Heif<'_>, grid: &Grid, tile: (u32, u32)) -> Result<image::RgbImage, MediaError> {
    let (width, height) = grid.size;
    if let [item] = grid.tiles.as_slice() {
        let picture = picture(heif, *item, tile)?;
        return if picture.dimensions() == grid.size {
            Ok(picture)
        } else {
            Err(damaged("its image has another size than announced"))
        };
    }
    let mut canvas = image::RgbImage::new(width, height);
    for (place, &item) in (0u32..).zip(&grid.tiles) {
        let left = (place % grid.columns).saturating_mul(tile.0);
        let top = (place / grid.columns).saturating_mul(tile.1);
        if left >= width || top >= height {
            return Err(damaged("its tiles are larger than the image"));
        }
        let picture = picture(heif, item, tile)?;
        image::imageops::replace(&mut canvas, &picture, i64::from(left), i64::from(top));
    }
    Ok(canvas)
}

/// Decodes an item of a size.
fn picture(heif: &Heif<'_>, item: u32, size: (u32, u32)) -> Result<image::RgbImage, MediaError> {
    if heif.kind(item) != Some(*b"av01") {
        return Err(damaged("its image is not coded by AV1"));
    }
    let data = heif
        .data(item)
        .ok_or_else(|| damaged("its image lies outside the file"))?;
    av1::decode(&data, size)
}

/// How the properties of an item say that it is to be turned: rotations and reflections, in their order.
fn orientation(heif: &Heif<'_>, item: u32) -> Orientation {
    // Reflected left to right, then turned clockwise by as many quarters.
    let (mut reflected, mut quarters) = (false, 0);
    for property in heif.properties(item) {
        let value = property.content.first().copied().unwrap_or(0);
        match &property.kind {
            b"irot" => quarters = (quarters + 4 - (value & 3)) % 4,
            b"imir" => {
                // 0 exchanges top and bottom, 1 left and right.
                let half = if value & 1 == 0 { 2 } else { 0 };
                (reflected, quarters) = (!reflected, (4 - quarters + half) % 4);
            }
            _ => {}
        }
    }
    let number = match (reflected, quarters) {
        (false, 0) => 1,
        (false, 1) => 6,
        (false, 2) => 3,
        (false, _) => 8,
        (true, 0) => 2,
        (true, 1) => 7,
        (true, 2) => 4,
        (true, _) => 5,
    };
    Orientation::from_exif(number).unwrap_or(Orientation::NoTransforms)
}
