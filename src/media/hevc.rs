use super::{Format, MediaError};

/// Decodes an item of an HEIF file whose image is coded by HEVC to 8-bit RGB.
pub(super) fn decode(bytes: &[u8], item: u32, _size: (u32, u32)) -> Result<image::RgbImage, MediaError> {
    let failed = |error: heifer::Error| match error {
        heifer::Error::Unsupported(message) => MediaError::Unsupported {
            format: Format::Heic,
            message,
        },
        error => MediaError::Decode {
            format: Format::Heic,
            message: error.to_string(),
        },
    };
    let file = heifer::heifer_isobmff::HeifFile::parse(bytes).map_err(|error| failed(error.into()))?;
    let image = heifer::decode_item(&file, item, 0).map_err(failed)?;
    let pixels = image.to_rgb8();
    image::RgbImage::from_raw(image.width, image.height, pixels).ok_or_else(|| MediaError::other_size(Format::Heic))
}
