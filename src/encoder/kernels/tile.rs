//! Products of a few rows with a panel of columns, whose sums stay in registers.

#![allow(unsafe_code, reason = "vector instructions on packed memory")]

use super::dot::{Dot, Registers, Work};
use super::functions::{Function, Relu6};
use super::lanes::Lanes;
use super::storage::LINE;

/// Rows of a tile in registers. With [`Lanes::PANEL`] of them each, their sums leave room for the operands.
pub(super) const ROWS: usize = 6;

/// What a tile multiplies and where its sums go. Everything that it points to must stay as the fields say while a product
/// runs.
pub(super) struct Tile<D: Dot> {
    /// The first row's first value. `groups` of them are readable in each row, a row every `input_stride` values.
    pub(super) inputs: *const D::Input,
    pub(super) input_stride: usize,
    /// One scale a row, for integers.
    pub(super) row_scales: *const f32,
    /// `groups` of the panel's columns one after another.
    pub(super) weights: *const D::Weight,
    pub(super) groups: usize,
    /// What is fetched into the cache meanwhile: the rows of the next tile, and this many lines of weights from there on
    /// for each line of a row. Neither needs to be readable.
    pub(super) next_inputs: *const D::Input,
    pub(super) next_weights: *const u8,
    pub(super) next_lines: usize,
    /// One scale and one total a column of the panel, for integers.
    pub(super) scales: *const f32,
    pub(super) totals: *const i32,
    /// One addend a column of the panel, where there is one.
    pub(super) bias: Option<*const f32>,
    /// The first row's first output: `columns` are writable in each row, a row every `output_stride` values.
    pub(super) output: *mut f32,
    pub(super) output_stride: usize,
    /// Columns, at most a panel and at least 1.
    pub(super) columns: usize,
    /// Whether the sums are added to the output, or take its place.
    pub(super) accumulate: bool,
    /// Whether relu6 of the output is what is written. Two instructions here are less than another pass, where the depth is
    /// small.
    pub(super) relu6: bool,
}

/// Begins to fetch the cache line at `address`, which need not be readable, into the L1 cache.
#[inline(always)]
fn fetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is part of x86-64, and does nothing where the address is wrong.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the instruction is part of AArch64, and does nothing where the address is wrong.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// As [`fetch`], into the L2 cache: what is needed only later would push out of the L1 cache what is needed now.
#[inline(always)]
pub(super) fn fetch_early(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as in `fetch`.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as in `fetch`.
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// The sizes of as few tiles of `most` rows as hold `rows`, as even as can be: a tile of one or two rows, left over at the
/// end, would wait for its own sums. Each is paired with its first row.
#[inline(always)]
pub(super) fn tiles(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most).max(1);
    let (size, larger) = (rows / count, rows % count);
    (0..count)
        .map(move |tile| (tile * size + tile.min(larger), size + usize::from(tile < larger)))
        .filter(|(_, size)| *size > 0)
}

impl<D: Dot> Tile<D> {
    /// Begins to fetch what the sums of so many rows and columns are added to or take the place of.
    #[inline(always)]
    pub(super) fn fetch_output(&self, rows: usize, columns: usize) {
        for row in 0..rows {
            for column in (0..columns).step_by(LINE / size_of::<f32>()) {
                fetch(self.output.wrapping_add(row * self.output_stride + column).cast());
            }
        }
    }

    /// Ends with `sums` of the register of columns that begins with `column`, in a row: adds what is to be added to them, and
    /// writes them.
    ///
    /// # Safety
    /// The pointers must be as the fields say, and `column` one of the columns.
    #[inline(always)]
    pub(super) unsafe fn put(&self, row: usize, column: usize, sums: D::Lanes) {
        let (width, left) = (D::Lanes::COUNT, self.columns - column);
        let mut value = sums;
        // SAFETY: the caller's promise; no more than `columns` of the output are read and written, and a bias is there for
        // a whole panel.
        unsafe {
            if let Some(bias) = self.bias {
                value = value + D::Lanes::load(bias.add(column));
            }
            let output = self.output.add(row * self.output_stride + column);
            if self.accumulate {
                let before = if left >= width {
                    D::Lanes::load(output)
                } else {
                    D::Lanes::load_first(output, left)
                };
                value = before + value;
            }
            if self.relu6 {
                value = Relu6::of(value);
            }
            if left >= width {
                value.store(output);
            } else {
                value.store_first(output, left);
            }
        }
    }
}

impl<D: Registers> Tile<D> {
    /// Multiplies `rows` rows, of which there are at most [`ROWS`].
    ///
    /// # Safety
    /// The pointers must be as the fields say, and the processor must have the instructions.
    #[inline(always)]
    pub(super) unsafe fn in_registers(self, rows: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.columns.div_ceil(D::Lanes::COUNT) {
                1 => self.with_registers::<1>(rows),
                2 if const { D::Lanes::PANEL >= 2 } => self.with_registers::<2>(rows),
                3 if const { D::Lanes::PANEL >= 3 } => self.with_registers::<3>(rows),
                4 if const { D::Lanes::PANEL >= 4 } => self.with_registers::<4>(rows),
                _ => {}
            }
        }
    }

    /// As [`Tile::in_registers`], with the number of registers a row known to the compiler, and below that of rows.
    #[inline(always)]
    unsafe fn with_registers<const REGISTERS: usize>(self, rows: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                1 => D::enter(Fixed::<D, 1, REGISTERS>(self)),
                2 => D::enter(Fixed::<D, 2, REGISTERS>(self)),
                3 => D::enter(Fixed::<D, 3, REGISTERS>(self)),
                4 => D::enter(Fixed::<D, 4, REGISTERS>(self)),
                5 => D::enter(Fixed::<D, 5, REGISTERS>(self)),
                6 => D::enter(Fixed::<D, 6, REGISTERS>(self)),
                _ => {}
            }
        }
    }
}

struct Fixed<T: Registers, const SIZE: usize, const REGISTERS: usize>(Tile<T>);

impl<T: Registers, const SIZE: usize, const REGISTERS: usize> Work for Fixed<T, SIZE, REGISTERS> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        // SAFETY: whoever made the tile promised that its pointers are as its fields say.
        unsafe {
            let sums = self.sums();
            self.write(sums);
        }
    }
}

impl<D: Registers, const SIZE: usize, const REGISTERS: usize> Fixed<D, SIZE, REGISTERS> {
    /// # Safety
    /// The pointers must be as the fields say.
    #[inline(always)]
    unsafe fn sums(&self) -> [[D::Sums; REGISTERS]; SIZE] {
        let tile = &self.0;
        let width = D::Lanes::COUNT;
        let line = LINE / (D::GROUP * size_of::<D::Input>());
        // SAFETY: the caller's promise; a panel has a register more where one is begun.
        unsafe {
            let mut start = [D::start(tile.totals); REGISTERS];
            for (register, start) in start.iter_mut().enumerate() {
                *start = D::start(tile.totals.wrapping_add(register * width));
            }
            let mut sums = [start; SIZE];
            tile.fetch_output(SIZE, REGISTERS * width);
            for group in 0..tile.groups {
                if group % line == 0 {
                    self.fetch(group, line);
                }
                let from = tile.weights.add(group * D::PANEL * D::GROUP);
                let mut weights = [D::weights(from); REGISTERS];
                for (register, weights) in weights.iter_mut().enumerate() {
                    *weights = D::weights(from.add(register * width * D::GROUP));
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let inputs = D::inputs(tile.inputs.add(row * tile.input_stride + group * D::GROUP));
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = D::add(*sum, inputs, weights);
                    }
                }
            }
            sums
        }
    }

    /// Begins to fetch what the next tile reads, a line of each row at a time.
    #[inline(always)]
    fn fetch(&self, group: usize, line: usize) {
        let tile = &self.0;
        for row in 0..SIZE {
            fetch(
                tile.next_inputs
                    .wrapping_add(row * tile.input_stride + group * D::GROUP)
                    .cast(),
            );
        }
        for next in 0..tile.next_lines {
            fetch_early(
                tile.next_weights
                    .wrapping_add((group / line * tile.next_lines + next) * LINE),
            );
        }
    }

    /// # Safety
    /// The pointers must be as the fields say.
    #[inline(always)]
    unsafe fn write(&self, sums: [[D::Sums; REGISTERS]; SIZE]) {
        let tile = &self.0;
        let width = D::Lanes::COUNT;
        for (row, sums) in sums.into_iter().enumerate() {
            for (register, sums) in sums.into_iter().enumerate() {
                let column = register * width;
                let (row_scale, scales) = (tile.row_scales.wrapping_add(row), tile.scales.wrapping_add(column));
                // SAFETY: the caller's promise.
                unsafe { tile.put(row, column, D::finish(sums, row_scale, scales)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_even_and_follow_one_another() {
        for rows in 0..100 {
            let mut next = 0;
            let sizes: Vec<usize> = tiles(rows, ROWS)
                .map(|(first, size)| {
                    assert_eq!(first, next);
                    next += size;
                    size
                })
                .collect();
            assert_eq!(next, rows);
            assert_eq!(sizes.len(), rows.div_ceil(ROWS));
            assert!(sizes.iter().all(|size| (1..=ROWS).contains(size)));
            let (smallest, largest) = (sizes.iter().min(), sizes.iter().max());
            assert!(
                smallest
                    .zip(largest)
                    .is_none_or(|(smallest, largest)| largest - smallest <= 1)
            );
        }
    }
}
