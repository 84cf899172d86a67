//! Files' bytes to upright 8-bit sRGB images, with what the file says of itself.
//!
//! The content decides what a file is, never its name: [`is_photo_name`] only picks candidates while walking a
//! directory. No input panics, and nothing is allocated for pixels before the size is checked against [`Limits`].

mod av1;
mod avif;
mod colour;
mod contain;
mod container;
mod error;
mod format;
mod grid;
mod hdr;
mod hevc;
mod inks;
mod jp2;
mod jpeg;
mod jxl;
mod limits;
mod metadata;
mod orientation;
mod pixels;
mod raster;
mod raw;
mod tiff;
mod tiff_colours;
mod transformations;

pub use error::MediaError;
pub use format::{Format, is_photo_name, sniff};
/// How the stored pixels are turned to stand upright; `to_exif` gives the EXIF value from 1 to 8.
pub use image::metadata::Orientation;
pub use limits::Limits;
pub use metadata::{CaptureTime, Location, Metadata};

use crate::rgb::RgbImage;

/// A decoded photograph.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// The upright image, in full or reduced.
    pub image: RgbImage,
    /// What its file holds.
    pub info: PhotoInfo,
    /// What its file says of how and where it was taken, and what people wrote of it.
    pub metadata: Metadata,
}

/// What a photograph's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhotoInfo {
    /// What the content is.
    pub format: Format,
    /// Width of the whole upright image in pixels.
    pub width: u32,
    /// Height of the whole upright image in pixels.
    pub height: u32,
    /// How the stored pixels were turned.
    pub orientation: Orientation,
}

/// Decodes a photograph from the content of its file.
///
/// The result stands upright (as EXIF or the format itself says) and is 8-bit sRGB: grey is
/// spread over the channels, transparency is laid over white, deeper samples are rounded to the nearest of 256
/// levels, and an embedded ICC profile of RGB, of grey, or of the inks of a JPEG or TIFF is followed (Display P3, Adobe RGB
/// and others); a high dynamic range in HEIC and AVIF is brought to that of sRGB. Of an animation or a TIFF of several pages
/// the first picture is taken, and of camera RAW the largest preview. A JPEG without its end-of-image marker counts as
/// damaged, as PIL has it.
///
/// # Errors
/// A [`MediaError`] with one readable line; it does not name the file.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, MediaError> {
    decode_reduced(bytes, limits, u32::MAX)
}

/// [`decode`] for one who makes the image smaller anyway: `enough` pixels along the shorter side will do.
///
/// A JPEG, and the JPEG that is taken of a camera's RAW file, comes out at an eighth, a quarter or half of its size where
/// that has as many, from the low frequencies of its blocks alone: several times as fast as the whole. JPEG 2000 comes out at
/// the resolution that has as many, and HEIC and AVIF, where they are grids of tiles, at such a fraction as well. Ask for at
/// least twice what the image is then resized to; the result then differs from that of the whole image by a fraction of a
/// level.
///
/// # Errors
/// As [`decode`].
pub fn decode_reduced(bytes: &[u8], limits: &Limits, enough: u32) -> Result<Photo, MediaError> {
    let format = format::recognise(bytes)?;
    contain::contain(format, || {
        let stored = match format {
            Format::Jpeg => jpeg::decode(bytes, limits, enough)?,
            Format::Jpeg2000 => jp2::decode(bytes, limits, enough)?,
            Format::JpegXl => jxl::decode(bytes, limits)?,
            Format::Heic => hevc::decode(bytes, limits, enough)?,
            Format::Avif => avif::decode(bytes, limits, enough)?,
            _ if format.is_raw() => raw::decode(bytes, format, limits, enough)?,
            _ => raster::decode(bytes, format, limits)?,
        };
        let (image, info) = upright(stored, format)?;
        let metadata = if format.is_raw() {
            raw::metadata(bytes, format)
        } else {
            Metadata::read(&container::blocks(format, bytes))
        };
        Ok(Photo { image, info, metadata })
    })
}

/// What a decoder gives: the image as it is stored.
struct Stored {
    /// The image, in full or reduced.
    image: image::RgbImage,
    /// Width and height of the whole, in pixels.
    size: (u32, u32),
    orientation: Orientation,
    /// ICC profile of the colours.
    profile: Option<Vec<u8>>,
}

/// Turns a stored image to an upright sRGB image.
fn upright(stored: Stored, format: Format) -> Result<(RgbImage, PhotoInfo), MediaError> {
    let Stored {
        mut image,
        size: (width, height),
        orientation,
        profile,
    } = stored;
    if let Some(profile) = profile {
        colour::to_srgb(&mut image, &profile);
    }
    let image = orientation::apply(image, orientation).ok_or_else(|| MediaError::other_size(format))?;
    let (width, height) = if orientation::swaps_sides(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let info = PhotoInfo {
        format,
        width,
        height,
        orientation,
    };
    Ok((image, info))
}

#[cfg(test)]
mod tests;
