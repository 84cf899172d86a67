//! HEIC: still pictures of the HEVC codec in an HEIF file.

use super::container::heif::Heif;
use super::{Format, Limits, MediaError, Orientation, Stored, colour, pixels};

/// Decodes the primary image. The decoder lays tiles side by side, crops and turns as the file says.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Stored, MediaError> {
    // RGB with opacity, the same again while it is turned, and RGB.
    const BYTES_A_PIXEL: u64 = 4 + 4 + 3;
    let format = Format::Heic;
    let heif = Heif::new(bytes);
    if let Some((width, height)) = heif.as_ref().and_then(|heif| heif.size(heif.primary)) {
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
    Ok(Stored {
        image: image.ok_or_else(|| MediaError::other_size(format))?,
        size,
        orientation: Orientation::NoTransforms,
        profile: heif.and_then(|heif| colour::profile_of_heif(&heif)),
    })
}
