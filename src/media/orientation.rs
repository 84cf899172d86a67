use image::ImageDecoder;
use image::metadata::Orientation;

use super::Format;

/// How the file says that it is to be turned; damaged or missing metadata means as it is.
pub(super) fn read(decoder: &mut impl ImageDecoder, format: Format, bytes: &[u8]) -> Orientation {
    let found = match format {
        // The decoder would allocate whatever length the chunk claims.
        Format::WebP => webp_exif(bytes).and_then(Orientation::from_exif_chunk),
        _ => decoder.orientation().ok(),
    };
    found.unwrap_or(Orientation::NoTransforms)
}

/// The TIFF structure in a WebP's EXIF chunk (RIFF container specification, RFC 9649, section 2.7).
fn webp_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        if name == b"EXIF" {
            // Some writers keep the prefix that EXIF has in a JPEG.
            return Some(content.strip_prefix(b"Exif\0\0").unwrap_or(content));
        }
        // Chunks are padded to an even length.
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
}
