//! AVIF: still pictures of the AV1 codec in an HEIF file, whole or as a grid of tiles.

use super::container::heif::Heif;
use super::grid::Grid;
use super::pixels::Sample;
use super::{Format, Limits, MediaError, Stored, av1, colour, transformations};

/// Decodes the primary image, tile by tile, and lays it over white where it has an opacity.
pub(super) fn decode(bytes: &[u8], limits: &Limits, enough: u32) -> Result<Stored, MediaError> {
    let heif = Heif::new(bytes).ok_or_else(|| damaged("it has no image"))?;
    let item = heif.primary;
    let grid = Grid::new(&heif, item).ok_or_else(|| damaged("its image is not whole"))?;
    let by = grid.reduction(enough);
    let opacity = heif.opacity(item);
    check(limits, &grid, by)?;
    let mut image = compose(&heif, item, &grid, by)?;
    if let Some(item) = opacity {
        over_white(&mut image, &heif, item, &grid, limits)?;
    }
    let profile = colour::of_heif(&mut image, &heif);
    let mut size = grid.size;
    Ok(Stored {
        image: transformations::crop(image, &heif, item, by, &mut size),
        size,
        orientation: transformations::orientation(&heif, item),
        profile,
    })
}

fn damaged(message: &str) -> MediaError {
    MediaError::Decode {
        format: Format::Avif,
        message: message.to_owned(),
    }
}

/// Decodes a grid, whose item or whose tiles may say what their samples stand for.
fn compose(heif: &Heif<'_>, item: u32, grid: &Grid, by: u32) -> Result<image::RgbImage, MediaError> {
    let of_all = heif.nclx(item);
    grid.compose(Format::Avif, by, |item| {
        if heif.kind(item) != Some(*b"av01") {
            return Err(damaged("its image is not coded by AV1"));
        }
        let data = heif
            .data(item)
            .ok_or_else(|| damaged("its image lies outside the file"))?;
        av1::decode(&data, grid.tile, heif.nclx(item).or(of_all))
    })
}

/// Refuses what takes too much memory: the canvas and a second one while it is turned or laid over white; a tile in the
/// decoder, three planes of up to 16 bits, and RGB.
fn check(limits: &Limits, grid: &Grid, by: u32) -> Result<(), MediaError> {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let needed = pixels(grid.reduced(by))
        .saturating_mul(6)
        .saturating_add(pixels(grid.tile).saturating_mul(12));
    limits.check(Format::Avif, grid.size.0, grid.size.1, needed)
}

/// Lays an image over white, where the luminance of another item of its size is its opacity.
fn over_white(
    image: &mut image::RgbImage,
    heif: &Heif<'_>,
    opacity: u32,
    of: &Grid,
    limits: &Limits,
) -> Result<(), MediaError> {
    let Some(grid) = Grid::new(heif, opacity).filter(|grid| grid.size == of.size) else {
        return Ok(());
    };
    // What is a grid and reduced may have an opacity of one tile, which is not.
    let by = grid.reduction(image.width().min(image.height()));
    check(limits, &grid, by)?;
    let mut opacity = compose(heif, opacity, &grid, by)?;
    if opacity.dimensions() != image.dimensions() {
        opacity = image::imageops::thumbnail(&opacity, image.width(), image.height());
    }
    let premultiplied = !heif.references(b"prem", heif.primary).is_empty();
    for (pixel, alpha) in image.pixels_mut().zip(opacity.pixels()) {
        let alpha = alpha.0[0];
        pixel.0 = pixel.0.map(|value| {
            if premultiplied {
                value.saturating_add(255 - alpha)
            } else {
                value.over_white(alpha)
            }
        });
    }
    Ok(())
}
