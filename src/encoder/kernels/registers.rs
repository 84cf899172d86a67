//! Tiles whose sums stay in registers.

#![allow(unsafe_code, reason = "vector instructions on packed memory")]

use std::array;

use super::dot::{Dot, Registers, Work};
use super::fetch::{Ahead, fetch, spread};
use super::lanes::Lanes;
use super::storage::LINE;
use super::tile::Tile;

impl<D: Registers> Tile<D> {
    /// Multiplies `rows` rows, of which there are at most [`Dot::ROWS`].
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
                2 if const { 2 <= D::ROWS } => D::enter(Fixed::<D, 2, REGISTERS>(self)),
                3 if const { 3 <= D::ROWS } => D::enter(Fixed::<D, 3, REGISTERS>(self)),
                4 if const { 4 <= D::ROWS } => D::enter(Fixed::<D, 4, REGISTERS>(self)),
                5 if const { 5 <= D::ROWS } => D::enter(Fixed::<D, 5, REGISTERS>(self)),
                6 if const { 6 <= D::ROWS } => D::enter(Fixed::<D, 6, REGISTERS>(self)),
                7 if const { 7 <= D::ROWS } => D::enter(Fixed::<D, 7, REGISTERS>(self)),
                8 if const { 8 <= D::ROWS } => D::enter(Fixed::<D, 8, REGISTERS>(self)),
                9 if const { 9 <= D::ROWS } => D::enter(Fixed::<D, 9, REGISTERS>(self)),
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
            if self.0.is_plain(REGISTERS * T::Lanes::COUNT) {
                self.multiply::<true>();
            } else {
                self.multiply::<false>();
            }
        }
    }
}

impl<D: Registers, const SIZE: usize, const REGISTERS: usize> Fixed<D, SIZE, REGISTERS> {
    /// Groups of a row in a cache line.
    const LINE_GROUPS: usize = LINE / (D::GROUP * size_of::<D::Input>());

    /// # Safety
    /// The pointers must be as the fields say, and the tile plain where it is said to be so.
    #[inline(always)]
    unsafe fn multiply<const PLAIN: bool>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = self.start::<PLAIN>();
            self.add_groups(&mut sums);
            self.write::<PLAIN>(sums);
        }
    }

    /// # Safety
    /// The pointers must be as the fields say.
    #[inline(always)]
    unsafe fn add_groups(&self, sums: &mut [[D::Sums; REGISTERS]; SIZE]) {
        let tile = &self.0;
        // SAFETY: the caller's promise; a panel has a register more where one is begun.
        unsafe {
            let (pairs, every) = spread(tile.next_pairs, Self::LINE_GROUPS);
            let mut ahead = Ahead::new(tile.next_weights, pairs, tile.next_apart);
            let mut fetched_at = 0;
            for group in 0..tile.groups {
                if group == fetched_at {
                    ahead.fetch(D::FETCHED);
                    if group % Self::LINE_GROUPS == 0 {
                        self.fetch_next(group);
                    }
                    fetched_at += every;
                }
                self.add_group(group, sums);
            }
        }
    }

    /// Adds the products of a group of the depth.
    ///
    /// # Safety
    /// The pointers must be as the fields say, and `group` one of the tile's.
    #[inline(always)]
    unsafe fn add_group(&self, group: usize, sums: &mut [[D::Sums; REGISTERS]; SIZE]) {
        let tile = &self.0;
        let width = D::Lanes::COUNT;
        // SAFETY: the caller's promise.
        unsafe {
            let from = tile.weights.add(group * D::PANEL * D::GROUP);
            let weights: [_; REGISTERS] = array::from_fn(|register| D::weights(from.add(register * width * D::GROUP)));
            for (register, weights) in weights.into_iter().enumerate() {
                let column = register * width;
                D::keep(
                    weights,
                    tile.scales.wrapping_add(column),
                    tile.kept.wrapping_add(group * D::PANEL + column),
                );
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let inputs = D::inputs(tile.inputs.add(row * tile.input_stride + group * D::GROUP));
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = D::add(*sum, inputs, weights);
                }
            }
        }
    }

    /// # Safety
    /// As for [`Fixed::multiply`].
    #[inline(always)]
    unsafe fn start<const PLAIN: bool>(&self) -> [[D::Sums; REGISTERS]; SIZE] {
        let tile = &self.0;
        let width = D::Lanes::COUNT;
        let mut addends = [[D::Lanes::splat(0.0); REGISTERS]; SIZE];
        // SAFETY: the caller's promise; a bias is there for a whole panel.
        unsafe {
            if let Some(bias) = tile.bias.filter(|_| D::BEGUN) {
                let bias = array::from_fn(|register| D::Lanes::load(bias.add(register * width)));
                addends = [bias; SIZE];
            }
            if D::BEGUN && tile.accumulate {
                for (row, addends) in addends.iter_mut().enumerate() {
                    for (register, addend) in addends.iter_mut().enumerate() {
                        *addend = *addend + tile.before::<PLAIN>(row, register * width);
                    }
                }
            }
            addends.map(|addends| {
                array::from_fn(|register| {
                    let column = register * width;
                    D::start(
                        addends[register],
                        tile.totals.wrapping_add(column),
                        tile.scales.wrapping_add(column),
                    )
                })
            })
        }
    }

    /// Begins to fetch the lines of the next tile's rows that begin with `group`, and a row of what its sums are added to.
    #[inline(always)]
    fn fetch_next(&self, group: usize) {
        let tile = &self.0;
        let row = group / Self::LINE_GROUPS;
        if D::BEGUN && tile.accumulate && row < SIZE {
            let output = tile.next_output.wrapping_add(row * tile.output_stride);
            for register in 0..REGISTERS {
                fetch::<1>(output.wrapping_add(register * D::Lanes::COUNT).cast());
            }
        }
        for row in 0..SIZE {
            fetch::<1>(
                tile.next_inputs
                    .wrapping_add(row * tile.input_stride + group * D::GROUP)
                    .cast(),
            );
        }
    }

    /// # Safety
    /// As for [`Fixed::multiply`].
    #[inline(always)]
    unsafe fn write<const PLAIN: bool>(&self, sums: [[D::Sums; REGISTERS]; SIZE]) {
        let tile = &self.0;
        let width = D::Lanes::COUNT;
        for (row, sums) in sums.into_iter().enumerate() {
            for (register, sums) in sums.into_iter().enumerate() {
                let column = register * width;
                let (row_scale, scales) = (tile.row_scales.wrapping_add(row), tile.scales.wrapping_add(column));
                // SAFETY: the caller's promise.
                unsafe {
                    let value = D::finish(sums, row_scale, scales);
                    if D::BEGUN {
                        tile.write::<PLAIN>(row, column, value);
                    } else {
                        tile.put::<PLAIN>(row, column, value);
                    }
                }
            }
        }
    }
}
