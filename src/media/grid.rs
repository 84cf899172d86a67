//! Images of HEIF files that are laid together of tiles (ISO/IEC 23008-12, section 6.6.2.3).

use image::imageops;

use super::container::heif::Heif;
use super::{Format, MediaError};

/// An image as tiles of one size, or as the only tile of itself.
pub(super) struct Grid {
    columns: u32,
    /// Width and height of the whole, which the last tiles may go beyond.
    pub size: (u32, u32),
    /// Width and height of a tile.
    pub tile: (u32, u32),
    /// The tiles' items, row by row.
    pub tiles: Vec<u32>,
}

impl Grid {
    /// The grid that an item is, or the one tile of an image that is whole.
    pub fn new(heif: &Heif<'_>, item: u32) -> Option<Self> {
        if heif.kind(item) != Some(*b"grid") {
            let size = heif.size(item)?;
            return Some(Self {
                columns: 1,
                size,
                tile: size,
                tiles: vec![item],
            });
        }
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
        let tile = heif.size(*tiles.first()?)?;
        (tiles.len() as u32 == rows * columns).then_some(Self {
            columns,
            size,
            tile,
            tiles,
        })
    }

    /// How many pixels of a side become one, where the shorter side is to keep `enough`: 1, 2, 4 or 8, and 1 where there
    /// is one tile, or none of whole reduced pixels.
    pub fn reduction(&self, enough: u32) -> u32 {
        let shorter = self.size.0.min(self.size.1);
        let fits =
            |&by: &u32| shorter / by >= enough && self.tile.0.is_multiple_of(by) && self.tile.1.is_multiple_of(by);
        if self.tiles.len() == 1 {
            return 1;
        }
        [8, 4, 2].into_iter().find(fits).unwrap_or(1)
    }

    /// Width and height of the whole that is reduced.
    pub fn reduced(&self, by: u32) -> (u32, u32) {
        (self.size.0.div_ceil(by), self.size.1.div_ceil(by))
    }

    /// Lays the tiles that `picture` decodes side by side, each reduced to one pixel of so many a side.
    pub fn compose(
        &self,
        format: Format,
        by: u32,
        mut picture: impl FnMut(u32) -> Result<image::RgbImage, MediaError>,
    ) -> Result<image::RgbImage, MediaError> {
        let damaged = |message: &str| MediaError::Decode {
            format,
            message: message.to_owned(),
        };
        let (width, height) = self.reduced(by);
        let (across, down) = (self.tile.0 / by, self.tile.1 / by);
        let mut canvas = image::RgbImage::new(width, height);
        for (place, &item) in (0u32..).zip(&self.tiles) {
            let left = (place % self.columns).saturating_mul(across);
            let top = (place / self.columns).saturating_mul(down);
            if left >= width || top >= height {
                return Err(damaged("its tiles are larger than the image"));
            }
            let mut tile = picture(item)?;
            if tile.dimensions() != self.tile {
                return Err(damaged("its image has another size than announced"));
            }
            if self.tile == (width, height) {
                return Ok(tile);
            }
            if by > 1 {
                tile = imageops::thumbnail(&tile, across, down);
            }
            imageops::replace(&mut canvas, &tile, i64::from(left), i64::from(top));
        }
        Ok(canvas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid {
            columns: 2,
            size: (48, 30),
            tile: (32, 16),
            tiles: vec![0, 1, 2, 3],
        }
    }

    #[test]
    fn reduced_tiles_lie_where_they_belong() {
        for by in [1, 2, 4] {
            let level = |item| image::RgbImage::from_pixel(32, 16, image::Rgb([item as u8 * 50; 3]));
            let image = grid().compose(Format::Avif, by, |item| Ok(level(item))).unwrap();
            assert_eq!(image.dimensions(), (48 / by, 30u32.div_ceil(by)));
            let (right, bottom) = (32 / by, 16 / by);
            let corners = [(0, 0), (right, 0), (right - 1, bottom), (right, bottom)];
            let levels = corners.map(|(x, y)| image.get_pixel(x, y)[0]);
            assert_eq!(levels, [0, 50, 100, 150], "{by}");
        }
    }

    #[test]
    fn tiles_are_reduced_as_far_as_is_enough() {
        assert_eq!(
            [1, 3, 4, 15, 16].map(|enough| grid().reduction(enough)),
            [8, 8, 4, 2, 1]
        );
        let odd = Grid {
            tile: (30, 16),
            ..grid()
        };
        assert_eq!(odd.reduction(3), 2);
        let whole = Grid {
            tiles: vec![0],
            ..grid()
        };
        assert_eq!(whole.reduction(1), 1);
    }

    #[test]
    fn one_tile_may_be_larger_than_what_is_shown_of_it() {
        let grid = Grid {
            columns: 1,
            size: (20, 10),
            tiles: vec![0],
            ..grid()
        };
        let picture = |_| {
            Ok(image::RgbImage::from_fn(32, 16, |x, y| {
                image::Rgb([x as u8, y as u8, 0])
            }))
        };
        let image = grid.compose(Format::Avif, 1, picture).unwrap();
        assert_eq!(image.dimensions(), (20, 10));
        assert_eq!(image.get_pixel(19, 9).0, [19, 9, 0]);
    }

    #[test]
    fn tiles_of_another_size_are_refused() {
        let picture = |_| Ok(image::RgbImage::new(16, 16));
        assert!(grid().compose(Format::Heic, 1, picture).is_err());
    }
}
