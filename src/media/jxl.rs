//! JPEG XL (ISO/IEC 18181): a codestream, alone or in boxes.

use std::borrow::Cow;
use std::io::Read;

use super::container::Blocks;
use super::container::boxes::Boxes;
use super::container::heif::without_offset;
use super::{Format, Limits, MediaError, Orientation, Stored, pixels, raster};

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
    let stored = raster::finish(
        decoder,
        Format::JpegXl,
        limits,
        Orientation::NoTransforms,
        pixels::to_rgb8,
    )?;
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

/// What the file says of itself, in boxes that may be compressed by Brotli.
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    if !bytes.starts_with(CONTAINER) {
        return blocks;
    }
    for found in Boxes::new(bytes) {
        let (kind, content) = match found.content.split_first_chunk() {
            Some((kind, packed)) if found.kind == *b"brob" => (*kind, unpacked(packed).map(Cow::Owned)),
            _ => (found.kind, Some(Cow::Borrowed(found.content))),
        };
        match &kind {
            b"Exif" => blocks.exif = blocks.exif.or_else(|| without_offset(content?)),
            b"xml " => blocks.xmp = blocks.xmp.or(content),
            _ => {}
        }
    }
    blocks
}

/// What Brotli has packed, up to a size that no block of EXIF or XMP has.
fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    const MAX_BYTES: u64 = 1 << 20;
    let mut content = Vec::new();
    let reader = brotli_decompressor::Decompressor::new(packed, 4096);
    reader.take(MAX_BYTES).read_to_end(&mut content).ok()?;
    Some(content)
}
