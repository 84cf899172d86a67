use super::bits::extend;
use super::scaled::Refused;

/// Bits that one look at a table decodes: most codes, and most short codes together with their value.
pub(super) const LOOK: u32 = 10;

/// A Huffman table of a JPEG (ITU-T T.81, annex C), ready to decode.
pub(super) struct Table {
    /// For the next [`LOOK`] bits: length of the code in the high byte and symbol in the low one; 0 for longer codes.
    look: [u16; 1 << LOOK],
    /// For the next [`LOOK`] bits, where they hold an AC code and its value: value, run of zeros, and length of both, in
    /// 16, 8 and 8 bits; 0 elsewhere.
    pairs: [i32; 1 << LOOK],
    /// For each length of code: the first 16-bit number that is beyond its codes.
    limits: [u32; 17],
    /// For each length of code: what is added to a code to give its place in `symbols`.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From how many codes there are of each length from 1 to 16, and their symbols.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Refused> {
        let mut table = Self {
            look: [0; 1 << LOOK],
            pairs: [0; 1 << LOOK],
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            table.offsets[length as usize] = place as i32 - code as i32;
            for &symbol in symbols.get(place..place + usize::from(count)).ok_or(Refused)? {
                if code >= 1 << length {
                    return Err(Refused);
                }
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    let entry = (length as u16) << 8 | u16::from(symbol);
                    table.look[first..first + (1 << (LOOK - length))].fill(entry);
                }
                code += 1;
            }
            place += usize::from(count);
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        table.join_values();
        Ok(table)
    }

    /// Finds where the value of an AC coefficient follows its code within the bits of one look.
    fn join_values(&mut self) {
        for (index, (entry, pair)) in self.look.iter().zip(&mut self.pairs).enumerate() {
            let (length, run, size) = (u32::from(entry >> 8), (entry >> 4 & 15), u32::from(entry & 15));
            if length == 0 || size == 0 || length + size > LOOK {
                continue;
            }
            let value = index as i32 >> (LOOK - length - size) & ((1 << size) - 1);
            *pair = extend(value, size) << 16 | i32::from(run) << 8 | (length + size) as i32;
        }
    }

    /// Length of code and symbol for the next [`LOOK`] bits; 0 where the code is longer.
    #[inline]
    pub fn look(&self, bits: usize) -> u16 {
        self.look[bits & ((1 << LOOK) - 1)]
    }

    /// Value, run of zeros and length for the next [`LOOK`] bits; `None` where they do not hold a code and its value.
    #[inline]
    pub fn pair(&self, bits: usize) -> Option<(i32, usize, u32)> {
        let pair = self.pairs[bits & ((1 << LOOK) - 1)];
        (pair != 0).then_some((pair >> 16, (pair >> 8 & 15) as usize, (pair & 255) as u32))
    }

    /// Length and symbol of the code that the next 16 bits begin with; `None` where there is none.
    #[cold]
    pub fn long_code(&self, bits: u32) -> Option<(u32, u8)> {
        let length = (1..=16).find(|&length| bits < self.limits[length])?;
        let code = (bits >> (16 - length)) as i32;
        let place = usize::try_from(code + self.offsets[length]).ok()?;
        Some((length as u32, *self.symbols.get(place)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::BitReader;
    use super::*;

    /// Codes 0, 10, 110 and a code of 12 bits.
    fn table() -> Table {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[2], counts[11]) = (1, 1, 1, 1);
        Table::new(&counts, &[0x01, 0x00, 0x12, 0xf0]).unwrap()
    }

    #[test]
    fn codes_of_every_length_are_found() {
        // 110, 10, 0, 111000000000.
        let data = [0b1101_0011, 0b1000_0000, 0b0011_1111];
        let mut reader = BitReader::new(&data);
        let mut symbols = Vec::new();
        for _ in 0..4 {
            reader.refill();
            symbols.push(reader.symbol(&table()).ok());
        }
        assert_eq!(symbols, [Some(0x12), Some(0x00), Some(0x01), Some(0xf0)]);
    }

    #[test]
    fn a_short_code_comes_with_its_value() {
        let table = table();
        // 110 (a run of one zero, two bits) and 01, which stands for -2.
        assert_eq!(table.pair(0b11_0010_0000), Some((-2, 1, 5)));
        // 10 ends a block: there is no value.
        assert_eq!(table.pair(0b10_0000_0000), None);
    }

    #[test]
    fn impossible_tables_are_refused() {
        assert!(Table::new(&[3; 16], &[0; 48]).is_err());
        assert!(Table::new(&[1; 16], &[0; 3]).is_err());
    }
}
