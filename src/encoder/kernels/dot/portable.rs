#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use super::super::encode::quantize;
use super::super::lanes::Lanes;
use super::super::lanes::portable::Portable;
use super::{Dot, Encoding, Registers, Work, integer_rows, integer_sums, register_tiles};

/// i16 by int8, two products at a time.
pub(in super::super) struct Pairs;

/// Columns of a register.
const COUNT: usize = Portable::COUNT;

impl Dot for Pairs {
    register_tiles!();
    integer_rows!(Portable, i16, Int16, offset: 0, group: 2);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        work.run::<Self>()
    }
}

impl Registers for Pairs {
    integer_sums!(Portable);
    type Inputs = [i32; 2];
    type Weights = [[i8; 2]; COUNT];

    #[inline(always)]
    unsafe fn start(_: Portable, _: *const i32, _: *const f32) -> [i32; COUNT] {
        [0; COUNT]
    }

    #[inline(always)]
    unsafe fn inputs(from: *const i16) -> [i32; 2] {
        // SAFETY: the caller's promise; an array has the alignment of its values.
        unsafe { from.cast::<[i16; 2]>().read() }.map(i32::from)
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> [[i8; 2]; COUNT] {
        // SAFETY: the caller's promise; an array has the alignment of its values.
        unsafe { from.cast::<[[i8; 2]; COUNT]>().read() }
    }

    #[inline(always)]
    fn add(mut sums: [i32; COUNT], inputs: [i32; 2], weights: [[i8; 2]; COUNT]) -> [i32; COUNT] {
        for (sum, pair) in sums.iter_mut().zip(weights) {
            *sum += inputs[0] * i32::from(pair[0]) + inputs[1] * i32::from(pair[1]);
        }
        sums
    }
}
