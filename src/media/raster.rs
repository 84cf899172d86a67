use std::borrow::Cow;
use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageReader};

use super::container::blocks;
use super::{Format, Limits, MediaError, Orientation, Stored, orientation, pixels, tiff_colours};

/// Decodes by the image crate, in full.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Stored, MediaError> {
    if format == Format::Tiff
        && let Some((renamed, meaning)) = tiff_colours::renamed(bytes)
    {
        return decode_as_named(&renamed, format, limits, |image| meaning.translate(image));
    }
    decode_as_named(bytes, format, limits, pixels::to_rgb8)
}

/// Decodes samples, which `to_rgb` makes RGB triples of.
fn decode_as_named(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    to_rgb: impl FnOnce(DynamicImage) -> Vec<u8>,
) -> Result<Stored, MediaError> {
    let known = format.of_image_crate().ok_or(MediaError::Unrecognised)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), known);
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_alloc_bytes);
    reader.limits(decoder_limits);
    let mut decoder = reader
        .into_decoder()
        .map_err(|error| MediaError::from_image(error, format, limits))?;
    let blocks = blocks(format, bytes);
    let orientation = orientation::of_blocks(&blocks);
    let profile = match format {
        // Compressed, or in a structure that only the decoder knows.
        Format::Png | Format::Tiff => decoder.icc_profile().ok().flatten(),
        _ => blocks.profile.map(Cow::into_owned),
    };
    let stored = finish(decoder, format, limits, orientation, to_rgb)?;
    Ok(Stored { profile, ..stored })
}

/// Decodes what is to be turned by `orientation` to the RGB triples that `to_rgb` makes of it.
pub(super) fn finish(
    decoder: impl ImageDecoder,
    format: Format,
    limits: &Limits,
    orientation: Orientation,
    to_rgb: impl FnOnce(DynamicImage) -> Vec<u8>,
) -> Result<Stored, MediaError> {
    let (width, height) = decoder.dimensions();
    limits.check(format, width, height, needed_bytes(&decoder, format, orientation))?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| MediaError::from_image(error, format, limits))?;
    let size = (decoded.width(), decoded.height());
    let image = image::RgbImage::from_raw(size.0, size.1, to_rgb(decoded));
    Ok(Stored {
        image: image.ok_or_else(|| MediaError::other_size(format))?,
        size,
        orientation,
        profile: None,
    })
}

/// Memory that decoding takes: the decoder's result, what the decoder holds besides, and the RGB image.
fn needed_bytes(decoder: &impl ImageDecoder, format: Format, orientation: Orientation) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let decoded = decoder.total_bytes();
    let color = decoder.color_type();
    let channels = u64::from(color.channel_count().max(1));
    let sample = u64::from(color.bytes_per_pixel()) / channels;
    let own_buffer = match format {
        // A buffer of up to four samples a pixel.
        Format::Tiff | Format::WebP => pixels.saturating_mul(4 * sample),
        // Floats, twice while they are filtered.
        Format::JpegXl => pixels.saturating_mul(8 * channels),
        _ => 0,
    };
    // A second RGB image stands beside the first while it is converted or turned.
    let rgb = if color == ColorType::Rgb8 && orientation == Orientation::NoTransforms {
        0
    } else {
        pixels.saturating_mul(3)
    };
    decoded.saturating_add(own_buffer).saturating_add(rgb)
}
