use std::borrow::Cow;

use super::Blocks;
use crate::media::jpeg::{Segment, Segments};

/// What a JPEG says of itself, in application segments before its first scan.
pub(in crate::media) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut profile = ProfileParts::default();
    for Segment { marker, payload, .. } in Segments::new(bytes) {
        match marker {
            // Start of scan, end of image.
            0xda | 0xd9 => break,
            0xe1 => {
                if let Some(exif) = payload.strip_prefix(b"Exif\0").and_then(|rest| rest.get(1..)) {
                    blocks.exif.get_or_insert(Cow::Borrowed(exif));
                } else if let Some(xmp) = payload.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    blocks.xmp.get_or_insert(Cow::Borrowed(xmp));
                }
            }
            0xe2 => {
                if let Some(part) = payload.strip_prefix(b"ICC_PROFILE\0") {
                    profile.add(part);
                }
            }
            0xed => {
                if let Some(iptc) = payload.strip_prefix(b"Photoshop 3.0\0").and_then(photoshop_iptc) {
                    blocks.iptc.get_or_insert(Cow::Borrowed(iptc));
                }
            }
            _ => {}
        }
    }
    blocks.profile = profile.join();
    blocks
}

/// An ICC profile is cut to segments that are numbered from 1 and know how many there are (ICC.1, annex B.4).
#[derive(Default)]
struct ProfileParts<'a> {
    parts: Vec<(u8, &'a [u8])>,
    count: u8,
}

impl<'a> ProfileParts<'a> {
    fn add(&mut self, part: &'a [u8]) {
        if let Some((&[number, count], part)) = part.split_first_chunk() {
            self.parts.push((number, part));
            self.count = count;
        }
    }

    /// The whole, where no part is missing.
    fn join(mut self) -> Option<Cow<'a, [u8]>> {
        self.parts.sort_by_key(|(number, _)| *number);
        if self.parts.is_empty() || !self.parts.iter().map(|(number, _)| *number).eq(1..=self.count) {
            return None;
        }
        Some(match self.parts.as_slice() {
            [(_, whole)] => Cow::Borrowed(whole),
            parts => parts
                .iter()
                .flat_map(|(_, part)| part.iter().copied())
                .collect::<Vec<_>>()
                .into(),
        })
    }
}

/// IPTC's part of Photoshop's image resources: blocks of signature, number, name, length and content, where name and
/// content are padded to an even length.
pub(super) fn photoshop_iptc(mut rest: &[u8]) -> Option<&[u8]> {
    const IPTC: u16 = 0x0404;
    loop {
        let head = rest.strip_prefix(b"8BIM")?;
        let (number, after) = head.split_first_chunk()?;
        let name = usize::from(*after.first()?) + 1;
        let (length, after) = after.get(name + name % 2..)?.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        let content = after.get(..length)?;
        if u16::from_be_bytes(*number) == IPTC {
            return Some(content);
        }
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], payload].concat()
    }

    #[test]
    fn every_block_is_found_before_the_scan() {
        let resources = b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x03abc\08BIM\x04\x04\x01x\0\0\0\x02\x1c\x02";
        let bytes = [
            vec![0xff, 0xd8],
            segment(0xe2, b"ICC_PROFILE\0\x02\x02world"),
            segment(0xe1, b"Exif\0\0II*\0"),
            segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
            segment(0xe2, b"ICC_PROFILE\0\x01\x02hello "),
            segment(0xed, resources),
            segment(0xe1, b"Exif\0\0of the thumbnail"),
            segment(0xda, b""),
            segment(0xed, b"behind"),
        ]
        .concat();
        let found = blocks(&bytes);
        assert_eq!(found.exif.as_deref(), Some(&b"II*\0"[..]));
        assert_eq!(found.xmp.as_deref(), Some(&b"<x/>"[..]));
        assert_eq!(found.iptc.as_deref(), Some(&b"\x1c\x02"[..]));
        assert_eq!(found.profile.as_deref(), Some(&b"hello world"[..]));
        for end in 0..bytes.len() {
            blocks(&bytes[..end]);
        }
    }

    #[test]
    fn a_profile_with_a_missing_part_is_none() {
        let bytes = [vec![0xff, 0xd8], segment(0xe2, b"ICC_PROFILE\0\x01\x02hello")].concat();
        assert_eq!(blocks(&bytes), Blocks::default());
    }
}
