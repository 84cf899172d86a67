//! HEIC: still pictures of the HEVC codec in an HEIF file.

use heifer::color::{ColorParams, frame_to_rgba_sized};
use heifer::heifer_hevc_dec::decoder::{DecodeOptions, decode_picture};
use heifer::heifer_isobmff::HeifFile;

use super::container::heif::Heif;
use super::grid::Grid;
use super::{Format, Limits, MediaError, Orientation, Stored, colour, pixels, transformations};

/// Decodes the primary image.
pub(super) fn decode(bytes: &[u8], limits: &Limits, enough: u32) -> Result<Stored, MediaError> {
    let heif = Heif::new(bytes);
    if let Some(heif) = &heif
        && let Some(grid) = Grid::new(heif, heif.primary)
        && let by = grid.reduction(enough)
        && by > 1
        && is_plain(heif, &grid)
    {
        return decode_tiles(bytes, heif, &grid, by, limits);
    }
    decode_whole(bytes, heif.as_ref(), limits)
}

/// Whether the tiles are pictures as they stand, that hide nothing behind an opacity.
fn is_plain(heif: &Heif<'_>, grid: &Grid) -> bool {
    let turns = [b"clap", b"irot", b"imir"];
    let as_it_stands = |&item: &u32| {
        heif.kind(item) == Some(*b"hvc1")
            && heif.opacity(item).is_none()
            && turns.iter().all(|turn| heif.property(item, turn).is_none())
    };
    heif.opacity(heif.primary).is_none() && grid.tiles.iter().all(as_it_stands)
}

/// Decodes tile by tile, each reduced before the next: neither a phone's 50 nor its 200 megapixels are ever held in full.
fn decode_tiles(bytes: &[u8], heif: &Heif<'_>, grid: &Grid, by: u32, limits: &Limits) -> Result<Stored, MediaError> {
    let format = Format::Heic;
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    // Three planes of 16 bits, RGB with opacity and RGB of a tile; the canvas, twice while it is turned.
    let needed = pixels(grid.tile)
        .saturating_mul(6 + 4 + 3)
        .saturating_add(pixels(grid.reduced(by)).saturating_mul(6));
    limits.check(format, grid.size.0, grid.size.1, needed)?;
    let failed = |message: String| MediaError::Decode { format, message };
    let file = HeifFile::parse(bytes).map_err(|error| failed(error.to_string()))?;
    let options = DecodeOptions {
        // They smooth the edges of blocks, which nobody sees once four pixels of a side become one.
        skip_loop_filters: by >= 4,
        // What blocks add at the right and below.
        max_pixels: (u64::from(grid.tile.0) + 64) * (u64::from(grid.tile.1) + 64),
        ..DecodeOptions::default()
    };
    let mut image = grid.compose(format, by, |item| {
        let stream = file.hevc_bitstream(item).map_err(|error| failed(error.to_string()))?;
        let frame = decode_picture(&stream, options).map_err(|error| failed(error.to_string()))?;
        let colours = heif.nclx(item).map_or_else(
            || ColorParams::from_frame(&frame),
            |colours| ColorParams {
                matrix: colours.matrix,
                full_range: colours.full_range,
            },
        );
        let tile = frame_to_rgba_sized::<u8>(&frame, colours, grid.tile.0, grid.tile.1);
        let rgb = pixels::rgba(&tile.data);
        image::RgbImage::from_raw(tile.width, tile.height, rgb).ok_or_else(|| MediaError::other_size(format))
    })?;
    let profile = colour::of_heif(&mut image, heif);
    let mut size = grid.size;
    Ok(Stored {
        image: transformations::crop(image, heif, heif.primary, by, &mut size),
        size,
        orientation: transformations::orientation(heif, heif.primary),
        profile,
    })
}

/// Decodes in full. The decoder lays tiles side by side, crops and turns as the file says.
fn decode_whole(bytes: &[u8], heif: Option<&Heif<'_>>, limits: &Limits) -> Result<Stored, MediaError> {
    // RGB with opacity, the same again while it is turned, and RGB.
    const BYTES_A_PIXEL: u64 = 4 + 4 + 3;
    let format = Format::Heic;
    if let Some((width, height)) = heif.and_then(|heif| heif.size(heif.primary)) {
        let needed = u64::from(width) * u64::from(height);
        limits.check(format, width, height, needed.saturating_mul(BYTES_A_PIXEL))?;
    }
    let options = heifer::Options {
        // Photographs are decoded side by side; one needs no threads of its own.
        max_threads: 1,
        max_pixels: limits.max_pixels.min(limits.max_alloc_bytes / BYTES_A_PIXEL).max(1),
    };
    let image = heifer::decode_rgba8(bytes, &options).map_err(|error| match error {
        heifer::Error::Unsupported(message) => MediaError::Unsupported { format, message },
        error => MediaError::Decode {
            format,
            message: error.to_string(),
        },
    })?;
    let size = (image.width, image.height);
    let image = image::RgbImage::from_raw(size.0, size.1, pixels::rgba(&image.data));
    let mut image = image.ok_or_else(|| MediaError::other_size(format))?;
    let profile = heif.and_then(|heif| colour::of_heif(&mut image, heif));
    Ok(Stored {
        image,
        size,
        orientation: Orientation::NoTransforms,
        profile,
    })
}
