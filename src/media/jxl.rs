//! JPEG XL (ISO/IEC 18181): a codestream, alone or in boxes.

use std::borrow::Cow;

use super::container::boxes::Boxes;
use super::container::heif::without_offset;
use super::container::Blocks;
use super::{Format, Limits, MediaError, Orientation, Stored, raster};

use image::ImageDecoder;
use jxl_oxide::JxlThreadPool;
use jxl_oxide::integration::JxlDecoder;

/// The signature of the container.
pub(super) const CONTAINER: &[u8; 12] = b"\0\0\0\x0cJXL \r\n\x87\n";

/// Decodes the first frame. The decoder turns it upright itself.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Stored, MediaError> {
    let codestream = codestream(bytes).ok_or(MediaError::Truncated { format: Format::JpegXl })?;
    let failed = |error| MediaError::from_image(error, Format::JpegXl, limits);
    // Photographs are decoded side by side; one needs no threads of its own.
    let mut decoder = JxlDecoder::with_thread_pool(codestream.as_ref(), JxlThreadPool::none()).map_err(failed)?;
    let profile = decoder.icc_profile().ok().flatten();
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_alloc_bytes);
    decoder.set_limits(decoder_limits).map_err(failed)?;
    let stored = raster::finish(decoder, Format::JpegXl, limits, Orientation::NoTransforms)?;
    Ok(Stored { profile, ..stored })
}

/// The codestream, in one box or in several that are numbered. The decoder gets nothing else: it would unpack other boxes,
/// however large.
fn codestream(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !bytes.starts_with(CONTAINER) {
        return Some(Cow::Borrowed(bytes));
    }
    if let Some(whole) = Boxes::find(bytes, b"jxlc") {
        return Some(Cow::Borrowed(whole));
    }
    let parts = Boxes::new(bytes).filter(|found| found.kind == *b"jxlp");
    let parts: Vec<&[u8]> = parts.filter_map(|found| found.content.get(4..)).collect();
    (!parts.is_empty()).then(|| parts.concat().into())
}

/// What the file says of itself, in boxes that are not compressed.
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    if !bytes.starts_with(CONTAINER) {
        return Blocks::default();
    }
    let block = |kind| Boxes::find(bytes, kind).map(Cow::Borrowed);
    Blocks {
        exif: block(b"Exif").and_then(without_offset),
        xmp: block(b"xml "),
        ..Blocks::default()
    }
}
