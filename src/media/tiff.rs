//! The structure that TIFF, EXIF and most camera RAW files share (TIFF 6.0, section 2): directories of tagged values. Every
//! offset is checked; nothing is copied.

/// Directories of one file that are looked at: a forged chain could go round for ever.
const MAX_DIRECTORIES: usize = 64;

/// A TIFF structure.
#[derive(Clone, Copy)]
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    first: u32,
}

impl<'a> Tiff<'a> {
    /// Reads the header. Besides TIFF's own, the numbers with which Olympus ("RO", "RS") and Panasonic ("U") mark their RAW
    /// files are known.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let (&[a, b, c, d, e, f, g, h], _) = bytes.split_first_chunk()?;
        let big_endian = match [a, b] {
            [b'I', b'I'] => false,
            [b'M', b'M'] => true,
            _ => return None,
        };
        let tiff = Self {
            bytes,
            big_endian,
            first: 0,
        };
        let first = tiff.long([e, f, g, h]);
        matches!(tiff.short([c, d]), 42 | 0x55 | 0x4f52 | 0x5352).then_some(Self { first, ..tiff })
    }

    /// The number that follows the byte order: 42 for TIFF itself.
    pub fn magic(&self) -> u16 {
        let magic = self.bytes.get(2..4).and_then(<[u8]>::first_chunk);
        self.short(magic.copied().unwrap_or_default())
    }

    /// The whole structure.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first directory.
    pub fn first(&self) -> Option<Directory<'a>> {
        self.directory(self.first)
    }

    /// The directory at an offset.
    pub fn directory(&self, offset: u32) -> Option<Directory<'a>> {
        let (count, rest) = self.bytes.get(offset as usize..)?.split_first_chunk()?;
        let (entries, rest) = rest.split_at_checked(usize::from(self.short(*count)) * 12)?;
        Some(Directory {
            tiff: *self,
            offset: offset as usize,
            entries: entries.as_chunks().0,
            next: rest.first_chunk().map_or(0, |next| self.long(*next)),
        })
    }

    /// The directories in the chain from the first one on, each followed by those that its entries `branches` point to.
    pub fn directories(&self, branches: &[u16]) -> Vec<Directory<'a>> {
        let mut found = Vec::new();
        let mut seen = Vec::new();
        let mut pending = vec![self.first];
        while let Some(offset) = pending.pop() {
            if offset == 0 || seen.contains(&offset) || seen.len() >= MAX_DIRECTORIES {
                continue;
            }
            seen.push(offset);
            if let Some(directory) = self.directory(offset) {
                pending.push(directory.next);
                let branches = branches.iter().filter_map(|&tag| directory.find(tag));
                pending.extend(branches.flat_map(|entry| entry.numbers().take(MAX_DIRECTORIES).collect::<Vec<_>>()));
                found.push(directory);
            }
        }
        found
    }

    fn short(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn long(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

/// A directory of values.
#[derive(Clone, Copy)]
pub(super) struct Directory<'a> {
    tiff: Tiff<'a>,
    offset: usize,
    entries: &'a [[u8; 12]],
    next: u32,
}

impl<'a> Directory<'a> {
    /// The value of a tag, where its bytes lie inside the file.
    pub fn find(&self, tag: u16) -> Option<Entry<'a>> {
        Entry::new(self.tiff, self.entries.get(self.place(tag)?)?)
    }

    fn place(&self, tag: u16) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| self.tiff.short([entry[0], entry[1]]) == tag)
    }

    /// The structure with another short number for a tag that has one.
    pub fn with_short(&self, tag: u16, value: u16) -> Option<Vec<u8>> {
        let start = self.offset + 2 + 12 * self.place(tag)? + 8;
        let mut bytes = self.tiff.bytes.to_vec();
        let value = if self.tiff.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        bytes.get_mut(start..start + 2)?.copy_from_slice(&value);
        Some(bytes)
    }

    /// The first number of a tag.
    pub fn number(&self, tag: u16) -> Option<u32> {
        self.find(tag)?.numbers().next()
    }

    /// The text of a tag.
    pub fn text(&self, tag: u16) -> Option<String> {
        self.find(tag)?.text()
    }

    /// The directory that a tag points to.
    pub fn directory(&self, tag: u16) -> Option<Directory<'a>> {
        self.tiff.directory(self.number(tag)?)
    }
}

/// A value: a list of numbers, a text or bytes.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    tiff: Tiff<'a>,
    kind: u16,
    value: &'a [u8],
}

impl<'a> Entry<'a> {
    fn new(tiff: Tiff<'a>, entry: &'a [u8; 12]) -> Option<Self> {
        let &[_, _, k0, k1, c0, c1, c2, c3, v0, v1, v2, v3] = entry;
        let kind = tiff.short([k0, k1]);
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = (tiff.long([c0, c1, c2, c3]) as usize).checked_mul(size)?;
        let offset = tiff.long([v0, v1, v2, v3]) as usize;
        let value = if length <= 4 {
            &entry[8..8 + length]
        } else {
            tiff.bytes.get(offset..offset.checked_add(length)?)?
        };
        Some(Self { tiff, kind, value })
    }

    /// The value's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.value
    }

    /// Whole numbers of one, two or four bytes, signed ones as if they were not; none where the value is something else.
    pub fn numbers(self) -> impl Iterator<Item = u32> + 'a {
        let size = match self.kind {
            1 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 13 => 4,
            _ => usize::MAX,
        };
        self.value.chunks_exact(size).map(move |bytes| match *bytes {
            [a] => u32::from(a),
            [a, b] => u32::from(self.tiff.short([a, b])),
            [a, b, c, d] => self.tiff.long([a, b, c, d]),
            _ => 0,
        })
    }

    /// Fractions of two whole numbers; those over zero are left out.
    pub fn fractions(self) -> impl Iterator<Item = f64> + 'a {
        let pairs = if matches!(self.kind, 5 | 10) { self.value } else { &[] };
        pairs.as_chunks().0.iter().filter_map(move |&[a, b, c, d, e, f, g, h]| {
            let (over, under) = (self.tiff.long([a, b, c, d]), self.tiff.long([e, f, g, h]));
            let signed = self.kind == 10;
            let value = |number: u32| {
                if signed {
                    f64::from(number as i32)
                } else {
                    f64::from(number)
                }
            };
            (under != 0).then(|| value(over) / value(under))
        })
    }

    /// A text up to its first zero, without spaces around it: in UTF-8, or where it is not that, in Latin-1. `None` where it
    /// is empty or the value is something else.
    pub fn text(&self) -> Option<String> {
        if !matches!(self.kind, 2 | 7) {
            return None;
        }
        super::metadata::text(self.value.split(|&byte| byte == 0).next()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A big-endian structure: one directory with a short, a text, two fractions and a branch, and a second one in the chain.
    fn sample() -> Vec<u8> {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x04".to_vec();
        bytes.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
        bytes.extend(b"\x01\x0f\0\x02\0\0\0\x08\0\0\0\x4a");
        bytes.extend(b"\x01\x1a\0\x05\0\0\0\x02\0\0\0\x52");
        bytes.extend(b"\x01\x4a\0\x04\0\0\0\x01\0\0\0\x62");
        bytes.extend(b"\0\0\0\x3e");
        assert_eq!(bytes.len(), 0x3e);
        bytes.extend(b"\0\0\0\0\0\x08\0\0\0\0\0\0");
        bytes.extend(
            b" Nikon \0\0\0\0\x03\0\0\0\x02\0\0\0\x01\0\0\0\0\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\x08",
        );
        bytes
    }

    #[test]
    fn values_of_every_kind_are_read() {
        let bytes = sample();
        let first = Tiff::new(&bytes).unwrap().first().unwrap();
        assert_eq!(first.number(0x0112), Some(6));
        assert_eq!(first.text(0x010f).as_deref(), Some("Nikon"));
        assert_eq!(first.find(0x011a).unwrap().fractions().collect::<Vec<_>>(), [1.5]);
        assert_eq!(first.directory(0x014a).unwrap().number(0x0112), Some(8));
        assert!(first.find(0x9999).is_none());
    }

    #[test]
    fn a_chain_that_goes_round_ends() {
        let bytes = sample();
        let directories = Tiff::new(&bytes).unwrap().directories(&[0x014a]);
        assert_eq!(directories.len(), 3);
    }

    #[test]
    fn what_lies_outside_is_not_found() {
        let bytes = sample();
        for end in 0..bytes.len() {
            let directories = Tiff::new(&bytes[..end]).map(|tiff| tiff.directories(&[0x014a]));
            for directory in directories.unwrap_or_default() {
                directory.text(0x010f);
                directory.find(0x011a).map(|entry| entry.fractions().count());
            }
        }
        assert!(Tiff::new(b"II+\0\x08\0\0\0").is_none());
    }
}
