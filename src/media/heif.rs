//! HEIC and AVIF: still pictures of the HEVC and AV1 codecs in an HEIF file, whole or as a grid of tiles.

use super::container::heif::Heif;
use super::{Format, Limits, MediaError, Orientation, Stored, av1, colour, hevc};

/// Decodes the primary image, tile by tile.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Stored, MediaError> {
    let damaged = |message: &str| MediaError::Decode {
        format,
        message: message.to_owned(),
    };
    let heif = Heif::new(bytes).ok_or_else(|| damaged("it has no image"))?;
    let item = heif.primary;
    let (width, height) = heif.size(item).ok_or_else(|| damaged("its image has no size"))?;
    let coder = Coder { bytes, format, heif: &heif };
    let grid = match heif.kind(item) {
        Some(kind) if kind == *b"grid" => Some(Grid::new(&heif, item).ok_or_else(|| damaged("its grid is not whole"))?),
        _ => None,
    };
    let (tile, tiles) = match &grid {
        Some(grid) => (heif.size(grid.tiles[0]).unwrap_or((width, height)), (grid.width, grid.height)),
        None => ((width, height), (width, height)),
    };
    // The canvas, a second one while it is turned, and a tile in the decoder: its samples, four of 16 bits a pixel, and RGB.
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let needed = pixels(tiles).saturating_mul(6).saturating_add(pixels(tile).saturating_mul(24));
    limits.check(format, tiles.0, tiles.1, needed)?;
    if pixels(tile) > limits.max_pixels {
        return Err(damaged("its tiles are larger than the image"));
    }
    let image = match &grid {
        Some(grid) => coder.compose(grid, tile)?,
        None => coder.picture(item, (width, height))?,
    };
    Ok(Stored {
        size: image.dimensions(),
        image,
        orientation: coder.orientation(item),
        profile: heif.blocks().profile.map(Into::into).or_else(|| {
            let primaries = heif.property(item, b"colr")?.strip_prefix(b"nclx")?.first_chunk()?;
            colour::profile_of_primaries(u16::from_be_bytes(*primaries))
        }),
    })
}

/// A grid of tiles (ISO/IEC 23008-12, section 6.6.2.3).
struct Grid {
    columns: u32,
    /// Size of the whole, which the last tiles may go beyond.
    width: u32,
    height: u32,
    /// The tiles' items, row by row.
    tiles: Vec<u32>,
}

impl Grid {
    fn new(heif: &Heif<'_>, item: u32) -> Option<Self> {
        let data = heif.data(item)?;
        let (&[_, flags, rows, columns], sides) = data.split_first_chunk()?;
        let (width, height) = if flags & 1 == 0 {
            let &[a, b, c, d] = sides.first_chunk()?;
            (u32::from(u16::from_be_bytes([a, b])), u32::from(u16::from_be_bytes([c, d])))
        } else {
            let &[a, b, c, d, e, f, g, h] = sides.first_chunk()?;
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        };
        let (rows, columns) = (u32::from(rows) + 1, u32::from(columns) + 1);
        let tiles = heif.references(b"dimg", item);
        (tiles.len() as u32 == rows * columns).then_some(Self {
            columns,
            width,
            height,
            tiles,
        })
    }
}

/// Decodes the coded items of a file.
struct Coder<'a> {
    bytes: &'a [u8],
    format: Format,
    heif: &'a Heif<'a>,
}

impl Coder<'_> {
    fn damaged(&self, message: &str) -> MediaError {
        MediaError::Decode {
            format: self.format,
            message: message.to_owned(),
        }
    }

    /// Decodes an item of at most `size` pixels.
    fn picture(&self, item: u32, size: (u32, u32)) -> Result<image::RgbImage, MediaError> {
        let kind = self.heif.kind(item).unwrap_or_default();
        let image = match &kind {
            b"av01" => {
                let data = self.heif.data(item).ok_or_else(|| self.damaged("its image lies outside the file"))?;
                av1::decode(&data, size)?
            }
            b"hvc1" => hevc::decode(self.bytes, item, size)?,
            _ => {
                return Err(MediaError::Unsupported {
                    format: self.format,
                    message: format!("images of type {}", kind.escape_ascii()),
                });
            }
        };
        if image.width() > size.0 || image.height() > size.1 {
            return Ok(image::imageops::crop_imm(&image, 0, 0, size.0, size.1).to_image());
        }
        Ok(image)
    }

    /// Lays the tiles of a grid side by side.
    fn compose(&self, grid: &Grid, tile: (u32, u32)) -> Result<image::RgbImage, MediaError> {
        let mut canvas = image::RgbImage::new(grid.width, grid.height);
        for (place, &item) in (0u32..).zip(&grid.tiles) {
            let (left, top) = (place % grid.columns * tile.0, place / grid.columns * tile.1);
            if left >= grid.width || top >= grid.height {
                return Err(self.damaged("its tiles are larger than the image"));
            }
            let picture = self.picture(item, tile)?;
            image::imageops::replace(&mut canvas, &picture, i64::from(left), i64::from(top));
        }
        Ok(canvas)
    }

    /// How the properties of an item say that it is to be turned: rotations and reflections, in their order.
    fn orientation(&self, item: u32) -> Orientation {
        // Reflected left to right, then turned clockwise by as many quarters.
        let (mut reflected, mut quarters) = (false, 0);
        // The HEVC decoder turns a whole image itself.
        if self.heif.kind(item) != Some(*b"hvc1") {
            for property in self.heif.properties(item) {
                let value = property.content.first().copied().unwrap_or(0);
                match &property.kind {
                    b"irot" => quarters += 4 - (value & 3),
                    b"imir" => {
                        // 0 exchanges top and bottom, 1 left and right.
                        let half = if value & 1 == 0 { 2 } else { 0 };
                        (reflected, quarters) = (!reflected, 4 - quarters % 4 + half);
                    }
                    _ => {}
                }
            }
        }
        let number = match (reflected, quarters % 4) {
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
}
