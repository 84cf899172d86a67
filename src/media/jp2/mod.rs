//! JPEG 2000 (ISO/IEC 15444-1): a codestream, alone or in boxes.

mod codestream;

use std::borrow::Cow;

use hayro_jpeg2000::{ColorSpace, DecodeSettings, DecoderContext, Image};

use super::container::Blocks;
use super::container::boxes::Boxes;
use super::{Format, Limits, MediaError, Orientation, Stored, pixels};

/// The signatures of the container and of the codestream.
pub(in crate::media) const CONTAINER: &[u8; 12] = b"\0\0\0\x0cjP  \r\n\x87\n";
pub(in crate::media) const CODESTREAM: &[u8; 4] = b"\xff\x4f\xff\x51";

/// Decodes at the least resolution at which the shorter side has `enough` pixels.
pub(in crate::media) fn decode(bytes: &[u8], limits: &Limits, enough: u32) -> Result<Stored, MediaError> {
    let format = Format::Jpeg2000;
    let failed = |message: String| MediaError::Decode { format, message };
    let codestream = Boxes::find(bytes, b"jp2c").filter(|_| bytes.starts_with(CONTAINER));
    if let Some(objection) = codestream::objection(codestream.unwrap_or(bytes)) {
        return Err(failed(objection.to_owned()));
    }
    let open = |target_resolution| {
        let settings = DecodeSettings {
            target_resolution,
            ..DecodeSettings::default()
        };
        Image::new(bytes, &settings).map_err(|error| failed(error.to_string()))
    };
    let whole = open(None)?;
    let (width, height) = (whole.width(), whole.height());
    let shorter = u64::from(width.min(height));
    let image = if u64::from(enough) < shorter {
        let reduced = |side: u32| (u64::from(side) * u64::from(enough)).div_ceil(shorter) as u32;
        open(Some((reduced(width), reduced(height))))?
    } else {
        whole
    };
    // A float for every sample, another while wavelets are undone, and its byte; RGB, twice while it is turned; and what is
    // known of the blocks of samples, whether they are decoded or not.
    let channels = u64::from(image.color_space().num_channels()) + u64::from(image.has_alpha());
    let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
    let needed = pixels(image.width(), image.height()) * (9 * channels + 6);
    limits.check(format, width, height, needed + pixels(width, height) * 2)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|error| failed(error.to_string()))?;
    let samples = decoded.data_u8();
    let profile = match image.color_space() {
        ColorSpace::Icc { profile, .. } => Some(profile.to_vec()),
        _ => None,
    };
    let channels = u32::from(image.color_space().num_channels());
    let rgb = to_rgb(&samples, channels, image.has_alpha()).ok_or_else(|| MediaError::Unsupported {
        format,
        message: format!("{channels} colours"),
    })?;
    let image =
        image::RgbImage::from_raw(image.width(), image.height(), rgb).ok_or_else(|| MediaError::other_size(format))?;
    Ok(Stored {
        image,
        size: (width, height),
        orientation: Orientation::NoTransforms,
        profile,
    })
}

/// Samples of 8 bits to RGB; transparency is laid over white.
fn to_rgb(samples: &[u8], channels: u32, alpha: bool) -> Option<Vec<u8>> {
    Some(match (channels, alpha) {
        (1, false) => pixels::grey(samples),
        (1, true) => pixels::grey_alpha(samples),
        (3, false) => samples.to_vec(),
        (3, true) => pixels::rgba(samples),
        (4, false) => samples
            .as_chunks()
            .0
            .iter()
            .flat_map(|&[c, m, y, k]| pixels::of_ink([c, m, y], k))
            .collect(),
        _ => return None,
    })
}

/// What the file says of itself, in boxes that are named by 16 bytes.
pub(in crate::media) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    const XMP: &[u8] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
    let mut blocks = Blocks::default();
    if bytes.starts_with(CONTAINER) {
        for found in Boxes::new(bytes).filter(|found| found.kind == *b"uuid") {
            if let Some(packet) = found.content.strip_prefix(XMP) {
                blocks.xmp.get_or_insert(Cow::Borrowed(packet));
            } else if let Some(block) = found.content.strip_prefix(b"JpgTiffExif->JP2") {
                blocks.exif.get_or_insert(Cow::Borrowed(block));
            }
        }
    }
    blocks
}
