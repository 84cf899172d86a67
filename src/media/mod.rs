//! Files' bytes to upright 8-bit RGB images, with what the file says of itself.
//!
//! The content decides what a file is, never its name: [`is_photo_name`] only picks candidates while walking a
//! directory. No input panics, and nothing is allocated for pixels before the size is checked against [`Limits`].

mod error;
mod format;
mod jpeg;
mod orientation;
mod pixels;

use std::io::Cursor;

pub use error::MediaError;
pub use format::{Format, is_photo_name, sniff};
/// How the stored pixels are turned to stand upright; `to_exif` gives the EXIF value from 1 to 8.
pub use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader};

use crate::rgb::RgbImage;

/// How large an image is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels (width times height) of an image.
    pub max_pixels: u64,
    /// Most memory that decoding one image may take, in bytes: the decoder's buffers and the RGB image together. A
    /// decoder's own tables and row buffers may exceed it by a little.
    pub max_alloc_bytes: u64,
}

impl Default for Limits {
    /// 200 megapixels and 2 GiB: every camera and most panoramas, and no more than that for a forged header.
    fn default() -> Self {
        Self {
            max_pixels: 200_000_000,
            max_alloc_bytes: 2 << 30,
        }
    }
}

/// A decoded photograph.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// The upright image.
    pub image: RgbImage,
    /// What the file says of itself.
    pub info: PhotoInfo,
}

/// What a photograph's file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhotoInfo {
    /// What the content is.
    pub format: Format,
    /// Width of the upright image in pixels.
    pub width: u32,
    /// Height of the upright image in pixels.
    pub height: u32,
    /// How the stored pixels were turned.
    pub orientation: Orientation,
}

/// Decodes a photograph from the content of its file.
///
/// The result stands upright (EXIF orientation is applied in JPEG, PNG, WebP and TIFF) and is 8-bit RGB: grey is
/// spread over the channels, transparency is laid over white, and deeper samples are rounded to the nearest of 256
/// levels. Of a GIF, an animated WebP or a TIFF of several pages the first picture is taken. Colour profiles are not
/// applied. A JPEG without its end-of-image marker counts as damaged, as PIL has it.
///
/// # Errors
/// A [`MediaError`] with one readable line; it does not name the file.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, MediaError> {
    let format = format::recognise(bytes)?;
    let failed = |error| MediaError::from_image(error, format, limits);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.into());
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_alloc_bytes);
    reader.limits(decoder_limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;

    let layout = if format == Format::Jpeg {
        jpeg::complete_layout(bytes)?
    } else {
        jpeg::Layout::default()
    };
    check_size(&decoder, format, layout, limits)?;
    let orientation = orientation::read(&mut decoder, format, bytes);
    let stored = DynamicImage::from_decoder(decoder).map_err(failed)?;
    upright(stored, format, orientation)
}

/// Refuses dimensions and memory beyond `limits`, before any pixel is allocated.
fn check_size(
    decoder: &impl ImageDecoder,
    format: Format,
    layout: jpeg::Layout,
    limits: &Limits,
) -> Result<(), MediaError> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(MediaError::Decode {
            format,
            message: format!("it is {width} x {height} pixels"),
        });
    }
    if pixels > limits.max_pixels {
        return Err(MediaError::TooLarge {
            width,
            height,
            limit: limits.max_pixels,
        });
    }
    let decoded = decoder.total_bytes();
    // A second RGB image stands beside the first while it is converted or turned. TIFF and WebP are decoded into a
    // buffer of their own of up to four samples a pixel, and a progressive JPEG keeps every coefficient (two bytes each) until its last scan.
    let color = decoder.color_type();
    let sample = u64::from(color.bytes_per_pixel() / color.channel_count().max(1));
    let own_buffer = match format {
        Format::Tiff | Format::WebP => pixels.saturating_mul(4 * sample),
        Format::Jpeg if layout.progressive => decoded.saturating_mul(2),
        _ => 0,
    };
    let needed = decoded
        .saturating_add(own_buffer)
        .saturating_add(pixels.saturating_mul(3));
    if needed > limits.max_alloc_bytes {
        return Err(MediaError::Memory {
            width,
            height,
            needed,
            limit: limits.max_alloc_bytes,
        });
    }
    Ok(())
}

/// Turns decoded pixels to an upright RGB photograph.
fn upright(stored: DynamicImage, format: Format, orientation: Orientation) -> Result<Photo, MediaError> {
    let inconsistent = || MediaError::Decode {
        format,
        message: "the decoder gave another number of pixels than announced".to_owned(),
    };
    let (width, height) = (stored.width(), stored.height());
    let stored = image::RgbImage::from_raw(width, height, pixels::to_rgb8(stored)).ok_or_else(inconsistent)?;
    let image = orientation::apply(stored, orientation).ok_or_else(inconsistent)?;
    let (width, height) = (image.width(), image.height());
    Ok(Photo {
        image,
        info: PhotoInfo {
            format,
            width,
            height,
            orientation,
        },
    })
}

#[cfg(test)]
mod tests;
