use super::bits::BitReader;
use super::frame::{Component, Frame, Scan, Tables, table};
use super::huffman::Table;
use super::planes::Planes;
use super::scaled::Refused;

/// The coefficients of a progressive frame (ITU-T T.81, annex G), collected scan by scan.
pub(super) struct Coefficients {
    components: Vec<Grid>,
}

/// A component's blocks, each with 64 coefficients in stored order.
struct Grid {
    blocks: Vec<[i16; 64]>,
    /// Blocks in a row, with those that only fill a unit.
    stride: usize,
    /// Blocks across and down that scans of this component alone have.
    across: usize,
    down: usize,
}

impl Grid {
    fn new(frame: &Frame, component: &Component) -> Self {
        let stride = frame.units_across * component.across;
        // A block is as wide as its reduced samples say, and so is the image.
        let blocks = |pixels: usize, samples: usize| (pixels * frame.scale).div_ceil(8 * samples);
        Self {
            blocks: vec![[0; 64]; stride * frame.units_down * component.down],
            stride,
            across: blocks(frame.width, component.columns),
            down: blocks(frame.height, component.rows),
        }
    }
}

impl Coefficients {
    pub fn new(frame: &Frame) -> Self {
        let components = frame
            .components
            .iter()
            .map(|component| Grid::new(frame, component))
            .collect();
        Self { components }
    }

    /// Adds what a scan tells.
    pub fn read(&mut self, frame: &Frame, scan: &Scan, tables: &Tables, data: &[u8]) -> Result<(), Refused> {
        let mut reader = Reader {
            bits: BitReader::new(data),
            left: tables.restart_interval,
            interval: tables.restart_interval,
            low: scan.low,
            blocks_left_empty: 0,
            predictions: [0; 3],
        };
        if scan.from > 0 {
            let &[(place, _, ac)] = scan.components.as_slice() else {
                return Err(Refused);
            };
            let (grid, ac) = (self.components.get_mut(place).ok_or(Refused)?, table(&tables.ac, ac)?);
            return grid.each(&mut reader, |reader, block| {
                let band = block.get_mut(..=scan.to).ok_or(Refused)?;
                if scan.high == 0 {
                    reader.first_band(band, scan.from, ac)
                } else {
                    reader.refine_band(band, scan.from, ac)
                }
            });
        }
        if scan.to > 0 {
            return Err(Refused);
        }
        if let &[(place, dc, _)] = scan.components.as_slice() {
            let grid = self.components.get_mut(place).ok_or(Refused)?;
            return grid.each(&mut reader, |reader, block| {
                reader.first_value(block, 0, scan, tables, dc)
            });
        }
        for row in 0..frame.units_down {
            for unit in 0..frame.units_across {
                reader.step()?;
                for &(place, dc, _) in &scan.components {
                    let component = frame.components.get(place).ok_or(Refused)?;
                    let grid = self.components.get_mut(place).ok_or(Refused)?;
                    for at in 0..component.across * component.down {
                        let top = row * component.down + at / component.across;
                        let left = unit * component.across + at % component.across;
                        let block = grid.blocks.get_mut(top * grid.stride + left).ok_or(Refused)?;
                        reader.first_value(block, place, scan, tables, dc)?;
                    }
                }
            }
        }
        reader.finish()
    }

    /// The reduced image.
    pub fn reduce(&self, frame: &Frame, tables: &Tables, rgb: bool) -> Result<image::RgbImage, Refused> {
        let weights = frame
            .components
            .iter()
            .map(|component| tables.weights(component))
            .collect::<Result<Vec<_>, Refused>>()?;
        let mut planes = Planes::new(frame, rgb);
        for row in 0..frame.units_down {
            for (place, (component, (grid, weights))) in frame
                .components
                .iter()
                .zip(self.components.iter().zip(&weights))
                .enumerate()
            {
                for unit in 0..frame.units_across {
                    for at in 0..component.across * component.down {
                        let top = row * component.down + at / component.across;
                        let left = unit * component.across + at % component.across;
                        let block = grid.blocks.get(top * grid.stride + left).ok_or(Refused)?;
                        match component.rows * component.columns {
                            1 => planes.put(place, component, unit, at, &samples::<1>(block, weights)),
                            2 => planes.put(place, component, unit, at, &samples::<2>(block, weights)),
                            4 => planes.put(place, component, unit, at, &samples::<4>(block, weights)),
                            8 => planes.put(place, component, unit, at, &samples::<8>(block, weights)),
                            16 => planes.put(place, component, unit, at, &samples::<16>(block, weights)),
                            32 => planes.put(place, component, unit, at, &samples::<32>(block, weights)),
                            _ => planes.put(place, component, unit, at, &samples::<64>(block, weights)),
                        }
                    }
                }
            }
            planes.finish_row();
        }
        planes.into_image()
    }
}

/// The reduced samples of a block.
fn samples<const SAMPLES: usize>(block: &[i16; 64], weights: &[f32]) -> [f32; SAMPLES] {
    let mut samples = [0.0; SAMPLES];
    for (&value, weights) in block.iter().zip(weights.as_chunks::<SAMPLES>().0) {
        if value != 0 {
            for (sample, weight) in samples.iter_mut().zip(weights) {
                *sample += weight * f32::from(value);
            }
        }
    }
    samples
}

impl Grid {
    /// Goes through the blocks of a scan of this component alone.
    fn each(
        &mut self,
        reader: &mut Reader<'_>,
        mut read: impl FnMut(&mut Reader<'_>, &mut [i16; 64]) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        for row in self.blocks.chunks_mut(self.stride).take(self.down) {
            for block in row.iter_mut().take(self.across) {
                reader.step()?;
                read(reader, block)?;
            }
            if reader.bits.overrun() {
                return Err(Refused);
            }
        }
        reader.finish()
    }
}

/// Where a scan is.
struct Reader<'a> {
    bits: BitReader<'a>,
    /// Units until the next restart marker, and from one to the next.
    left: usize,
    interval: usize,
    /// Bit position of what this scan adds.
    low: u32,
    /// Blocks to come that have nothing new in this band.
    blocks_left_empty: u32,
    predictions: [i32; 3],
}

impl Reader<'_> {
    /// Begins a unit.
    fn step(&mut self) -> Result<(), Refused> {
        if self.interval == 0 {
            return Ok(());
        }
        if self.left == 0 {
            self.bits.restart()?;
            self.predictions = [0; 3];
            self.blocks_left_empty = 0;
            self.left = self.interval;
        }
        self.left -= 1;
        Ok(())
    }

    fn finish(&self) -> Result<(), Refused> {
        if self.bits.overrun() { Err(Refused) } else { Ok(()) }
    }

    fn bit(&mut self) -> bool {
        self.bits.refill();
        self.bits.bits(1) == 1
    }

    /// A block's first coefficient: whole in the component's first scan, one bit more of it in later ones.
    fn first_value(
        &mut self,
        block: &mut [i16; 64],
        place: usize,
        scan: &Scan,
        tables: &Tables,
        dc: u8,
    ) -> Result<(), Refused> {
        if scan.high > 0 {
            block[0] |= i16::from(self.bit()) << self.low;
            return Ok(());
        }
        self.bits.refill();
        let size = u32::from(self.bits.symbol(table(&tables.dc, dc)?)?);
        if size > 15 {
            return Err(Refused);
        }
        let prediction = self.predictions.get_mut(place).ok_or(Refused)?;
        *prediction = prediction.wrapping_add(self.bits.signed(size));
        block[0] = (*prediction << self.low) as i16;
        Ok(())
    }

    /// How many blocks, this one among them, are empty after a symbol that says so.
    fn empty_blocks(&mut self, run: u32) -> u32 {
        (1 << run) + self.bits.bits(run) as u32
    }

    /// A band of coefficients for the first time.
    fn first_band(&mut self, band: &mut [i16], from: usize, ac: &Table) -> Result<(), Refused> {
        if self.blocks_left_empty > 0 {
            self.blocks_left_empty -= 1;
            return Ok(());
        }
        let mut k = from;
        while k < band.len() {
            self.bits.refill();
            let symbol = self.bits.symbol(ac)?;
            let (run, size) = (symbol >> 4, u32::from(symbol & 15));
            if size > 0 {
                k += usize::from(run);
                let value = self.bits.signed(size) << self.low;
                *band.get_mut(k).ok_or(Refused)? = value as i16;
                k += 1;
            } else if run < 15 {
                self.blocks_left_empty = self.empty_blocks(u32::from(run)) - 1;
                break;
            } else {
                k += 16;
            }
        }
        Ok(())
    }

    /// One bit more of a band of coefficients.
    fn refine_band(&mut self, band: &mut [i16], from: usize, ac: &Table) -> Result<(), Refused> {
        let step = 1i16 << self.low;
        let mut k = from;
        while self.blocks_left_empty == 0 && k < band.len() {
            self.bits.refill();
            let symbol = self.bits.symbol(ac)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            let mut new = 0;
            if size > 0 {
                new = if self.bit() { step } else { -step };
            } else if run < 15 {
                self.bits.refill();
                self.blocks_left_empty = self.empty_blocks(u32::from(run));
                break;
            }
            // Over the coefficients that are known, and as many zeros as the run says, to the place of the new one.
            while let Some(value) = band.get_mut(k) {
                k += 1;
                if *value != 0 {
                    self.refine(value, step);
                } else if run == 0 {
                    *value = new;
                    break;
                } else {
                    run -= 1;
                }
            }
        }
        if self.blocks_left_empty > 0 {
            self.blocks_left_empty -= 1;
            for value in band.iter_mut().skip(k).filter(|value| **value != 0) {
                self.refine(value, step);
            }
        }
        Ok(())
    }

    /// One bit more of a coefficient that is not zero.
    fn refine(&mut self, value: &mut i16, step: i16) {
        if self.bit() && *value & step == 0 {
            *value = value.wrapping_add(if *value > 0 { step } else { -step });
        }
    }
}
