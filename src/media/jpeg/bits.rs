use super::huffman::{LOOK, Table};
use super::scaled::Refused;

/// Reads the entropy-coded data of a scan bit by bit (ITU-T T.81, F.2.2): the zero that is stuffed behind each 0xff is
/// dropped, and a marker ends the data. Behind the end there are zeros; [`BitReader::overrun`] tells that they were read.
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the most significant one on.
    buffer: u64,
    /// How many bits of `buffer` are filled.
    count: u32,
    /// How many of all bits that were ever filled lie behind the end of the data.
    padding: u32,
}

impl<'a> BitReader<'a> {
    /// Reads from the first byte behind a scan's header.
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            buffer: 0,
            count: 0,
            padding: 0,
        }
    }

    /// Fills the buffer to at least 32 bits: enough for the longest code and the value behind it.
    #[inline]
    pub fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(bytes) = self.data.get(self.at..).and_then(<[u8]>::first_chunk) {
            let word = u32::from_be_bytes(*bytes);
            // Whether a byte is 0xff, which is zero in the complement.
            if (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.refill_bytes();
    }

    fn refill_bytes(&mut self) {
        while self.count <= 48 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.padding += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next [`LOOK`] bits, which stay. Needs [`BitReader::refill`].
    #[inline]
    pub fn peek(&self) -> usize {
        (self.buffer >> (64 - LOOK)) as usize
    }

    /// Drops `bits` bits, at most as many as are filled.
    #[inline]
    pub fn consume(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count = self.count.saturating_sub(bits);
    }

    /// The next symbol of a Huffman code. Needs [`BitReader::refill`].
    #[inline]
    pub fn symbol(&mut self, table: &Table) -> Result<u8, Refused> {
        let entry = table.look(self.peek());
        let (length, symbol) = if entry == 0 {
            table.long_code((self.buffer >> 48) as u32).ok_or(Refused)?
        } else {
            (u32::from(entry >> 8), entry as u8)
        };
        self.consume(length);
        Ok(symbol)
    }

    /// The next `size` bits (at most 16) as a number. Needs [`BitReader::refill`].
    #[inline]
    pub fn bits(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = (self.buffer >> (64 - size)) as i32;
        self.consume(size);
        value
    }

    /// The next `size` bits as a signed value: procedures RECEIVE and EXTEND. Needs [`BitReader::refill`].
    #[inline]
    pub fn signed(&mut self, size: u32) -> i32 {
        let value = self.bits(size);
        extend(value, size)
    }

    /// Whether more was read than there is.
    pub fn overrun(&self) -> bool {
        self.padding > self.count
    }

    /// Goes on behind the restart marker that follows.
    pub fn restart(&mut self) -> Result<(), Refused> {
        if self.overrun() {
            return Err(Refused);
        }
        (self.buffer, self.count, self.padding) = (0, 0, 0);
        while let Some([0xff, 0xff]) = self.data.get(self.at..self.at + 2) {
            self.at += 1;
        }
        match self.data.get(self.at..self.at + 2) {
            Some([0xff, 0xd0..=0xd7]) => {
                self.at += 2;
                Ok(())
            }
            _ => Err(Refused),
        }
    }
}

/// The signed value that `size` bits stand for (ITU-T T.81, figure F.12).
#[inline]
pub(super) fn extend(value: i32, size: u32) -> i32 {
    if size > 0 && value < 1 << (size - 1) {
        value - (1 << size) + 1
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_is_dropped_and_the_end_is_told() {
        let data = [0x12, 0xff, 0x00, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xff, 0xd9];
        let mut reader = BitReader::new(&data);
        let mut read = Vec::new();
        for _ in 0..8 {
            reader.refill();
            assert!(!reader.overrun());
            read.push(reader.bits(8));
        }
        assert_eq!(read, [0x12, 0xff, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0]);
        assert!(reader.overrun());
    }

    #[test]
    fn values_are_extended_as_in_the_standard() {
        let pairs: Vec<i32> = (0..4).map(|value| extend(value, 2)).collect();
        assert_eq!(pairs, [-3, -2, 2, 3]);
        assert_eq!((extend(0, 1), extend(1, 1), extend(0, 0)), (-1, 1, 0));
    }

    #[test]
    fn a_restart_marker_is_passed() {
        let mut reader = BitReader::new(&[0xa5, 0xff, 0xd3, 0x5a, 0xff, 0xd9]);
        reader.refill();
        assert_eq!(reader.bits(3), 0b101);
        reader.restart().unwrap();
        reader.refill();
        assert_eq!(reader.bits(8), 0x5a);
        assert!(reader.restart().is_err());
    }
}
