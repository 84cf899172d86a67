//! Boxes of the ISO base media file format (ISO/IEC 14496-12, section 4.2), in which HEIC, AVIF, CR3, JPEG XL and JPEG 2000
//! files are written.

/// A box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Box<'a> {
    /// What it is, in four characters.
    pub kind: [u8; 4],
    /// What it holds.
    pub content: &'a [u8],
}

/// The boxes that follow one another. Ends where something is no box; a box that is cut off is given as far as it goes.
pub(in crate::media) struct Boxes<'a> {
    rest: &'a [u8],
}

impl<'a> Boxes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the first box of a kind.
    pub fn find(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
        Self::new(bytes)
            .find(|found| found.kind == *kind)
            .map(|found| found.content)
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Box<'a>;

    fn next(&mut self) -> Option<Box<'a>> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let (kind, mut rest) = rest.split_first_chunk()?;
        let length = match u32::from_be_bytes(*length) {
            // To the end of the file.
            0 => rest.len(),
            1 => {
                let (length, after) = rest.split_first_chunk()?;
                rest = after;
                usize::try_from(u64::from_be_bytes(*length)).ok()?.checked_sub(16)?
            }
            length => (length as usize).checked_sub(8)?,
        };
        let (content, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        self.rest = rest;
        Some(Box { kind: *kind, content })
    }
}

/// A box's content with version and flags in front.
pub(in crate::media) fn versioned(content: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (&[version, a, b, c], rest) = content.split_first_chunk()?;
    Some((version, u32::from_be_bytes([0, a, b, c]), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_all_kinds_are_read() {
        let bytes = b"\0\0\0\x09aaaax\0\0\0\x01bbbb\0\0\0\0\0\0\0\x12yz\0\0\0\0ccccrest";
        let found: Vec<_> = Boxes::new(bytes).map(|found| (found.kind, found.content)).collect();
        assert_eq!(
            found,
            [(*b"aaaa", &b"x"[..]), (*b"bbbb", &b"yz"[..]), (*b"cccc", &b"rest"[..])]
        );
        assert_eq!(Boxes::find(bytes, b"bbbb"), Some(&b"yz"[..]));
        for end in 0..bytes.len() {
            Boxes::new(&bytes[..end]).for_each(drop);
        }
    }

    #[test]
    fn impossible_lengths_end_the_boxes() {
        assert_eq!(Boxes::new(b"\0\0\0\x07aaaa").count(), 0);
        assert_eq!(
            Boxes::new(b"\0\0\0\x01aaaa\xff\xff\xff\xff\xff\xff\xff\xffx")
                .next()
                .unwrap()
                .content,
            b"x"
        );
    }
}
