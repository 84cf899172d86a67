use std::borrow::Cow;

use super::Blocks;

/// What a PNG says of itself, in chunks of length, name, content and checksum (ISO 15948; eXIf since its third edition).
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((name, content, after)) = chunk(rest) {
        match name {
            b"eXIf" => {
                blocks.exif.get_or_insert(Cow::Borrowed(content));
            }
            b"iTXt" => {
                if let Some(packet) = xmp(content) {
                    blocks.xmp.get_or_insert(Cow::Borrowed(packet));
                }
            }
            b"IEND" => break,
            _ => {}
        }
        rest = after;
    }
    blocks
}

/// Name and content of the first chunk, and what follows it.
fn chunk(rest: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = rest.split_first_chunk()?;
    let (name, rest) = rest.split_first_chunk()?;
    let (content, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((name, content, rest.get(4..)?))
}

/// The packet of a text chunk of XMP as ISO 16684-1 writes it: not compressed, without language and translated keyword.
fn xmp(content: &[u8]) -> Option<&[u8]> {
    content.strip_prefix(b"XML:com.adobe.xmp\0\0\0\0\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_behind_the_pixels_too() {
        let chunk = |name: &[u8], content: &[u8]| {
            let length = (content.len() as u32).to_be_bytes();
            [&length[..], name, content, b"crc_"].concat()
        };
        let bytes = [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IDAT", b"pixels"),
            chunk(b"iTXt", b"Comment\0\0\0\0\0words"),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
            chunk(b"eXIf", b"II*\0"),
            chunk(b"IEND", b""),
            chunk(b"eXIf", b"behind"),
        ]
        .concat();
        let found = blocks(&bytes);
        assert_eq!(found.exif.as_deref(), Some(&b"II*\0"[..]));
        assert_eq!(found.xmp.as_deref(), Some(&b"<x/>"[..]));
        for end in 0..bytes.len() {
            blocks(&bytes[..end]);
        }
    }
}
