use std::borrow::Cow;

use super::Blocks;

/// What a WebP says of itself, in chunks of name, length and content (RFC 9649, section 2.7).
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((name, content, after)) = chunk(rest) {
        let slot = match name {
            b"EXIF" => &mut blocks.exif,
            b"XMP " => &mut blocks.xmp,
            b"ICCP" => &mut blocks.profile,
            _ => &mut None,
        };
        // Some writers keep the prefix that EXIF has in a JPEG.
        slot.get_or_insert(Cow::Borrowed(content.strip_prefix(b"Exif\0\0").unwrap_or(content)));
        rest = after;
    }
    blocks
}

/// Name and content of the first chunk, and what follows it: chunks are padded to an even length.
fn chunk(rest: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (content, rest) = rest.split_at_checked(length)?;
    Some((name, content, rest.get(length % 2..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_whatever_their_order() {
        let bytes = b"RIFF\x40\0\0\0WEBPVP8X\x01\0\0\0v\0XMP \x04\0\0\0<x/>EXIF\x05\0\0\0II*\0!\0ICCP\x01\0\0\0p";
        let found = blocks(bytes);
        assert_eq!(found.xmp.as_deref(), Some(&b"<x/>"[..]));
        assert_eq!(found.exif.as_deref(), Some(&b"II*\0!"[..]));
        assert_eq!(found.profile.as_deref(), Some(&b"p"[..]));
        for end in 0..bytes.len() {
            blocks(&bytes[..end]);
        }
    }
}
