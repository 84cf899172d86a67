#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use std::arch::x86_64::*;

use super::super::encode::{bf16_bits, quantize};
use super::super::lanes::Lanes;
use super::super::lanes::avx512::Avx512;
use super::{Dot, Encoding, Registers, Work, integer_rows, integer_sums, register_tiles};

/// i16 by int8 widened to i16: two products and their sum in one instruction, exact.
pub(in super::super) struct Pairs;

// SAFETY of every block below: the trait's functions run only where the processor has AVX-512 BW, and pointers are as
// their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Dot for Pairs {
    register_tiles!();
    integer_rows!(Avx512, i16, Int16, offset: 0, group: 2);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { Avx512::enter::<Self, W>(work) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
impl Registers for Pairs {
    integer_sums!(Avx512);
    type Inputs = __m512i;
    type Weights = __m512i;

    #[inline(always)]
    unsafe fn start(_: Avx512, _: *const i32, _: *const f32) -> __m512i {
        Avx512::no_integers()
    }

    #[inline(always)]
    unsafe fn inputs(from: *const i16) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m512i {
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    fn add(sums: __m512i, inputs: __m512i, weights: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(sums, _mm512_madd_epi16(inputs, weights)) }
    }
}

/// int8 by int8 with AVX-512 VNNI: four products and their sum in one instruction, of rows without sign.
pub(in super::super) struct Vnni;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn enter_vnni<W: Work>(work: W) -> W::Output {
    work.run::<Vnni>()
}

// SAFETY of every block below: the trait's functions run only where the processor has AVX-512 VNNI, and pointers are as
// their callers promise.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Dot for Vnni {
    register_tiles!();
    integer_rows!(Avx512, u8, Uint8, offset: 128, group: 4);

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        unsafe { enter_vnni(work) }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
impl Registers for Vnni {
    integer_sums!(Avx512);
    type Inputs = __m512i;
    type Weights = __m512i;

    #[inline(always)]
    unsafe fn start(_: Avx512, totals: *const i32, _: *const f32) -> __m512i {
        unsafe {
            let totals = _mm512_loadu_si512(totals.cast());
            _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<7>(totals))
        }
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    fn add(sums: __m512i, inputs: __m512i, weights: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, inputs, weights) }
    }
}

/// bf16 by bf16 with AVX-512 BF16: two products and their sum in one instruction.
pub(in super::super) struct Bf16;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
fn enter_bf16<W: Work>(work: W) -> W::Output {
    work.run::<Bf16>()
}

/// What is the same of both products of bf16: how rows are kept, and the instructions.
macro_rules! bf16_rows {
    () => {
        type Lanes = Avx512;
        type Input = u16;
        type Weight = u16;

        const ENCODING: Encoding = Encoding::Bf16;
        const GROUP: usize = 2;

        #[inline(always)]
        fn encode(row: &[f32], to: &mut [u16]) -> f32 {
            round_bf16(row, to);
            1.0
        }

        #[inline(always)]
        fn round(row: &[f32], to: &mut [u16]) {
            round_bf16(row, to);
        }
    };
}
pub(super) use bf16_rows;

impl Dot for Bf16 {
    register_tiles!();
    bf16_rows!();

    const BLOCK: usize = 1536;

    #[inline(never)]
    unsafe fn enter<W: Work>(work: W) -> W::Output {
        // SAFETY: the caller's promise.
        unsafe { enter_bf16(work) }
    }
}

/// [`Dot::round`] by instructions for it: the nearest, as everywhere, but for numbers of less than 2^-126, which become zeros here.
#[inline(always)]
pub(super) fn round_bf16(row: &[f32], to: &mut [u16]) {
    let count = row.len().min(to.len());
    let (values, rest) = to.split_at_mut(count);
    let (whole, last) = values.as_chunks_mut::<{ Avx512::COUNT }>();
    let (rows, last_of_row) = row[..count].as_chunks::<{ Avx512::COUNT }>();
    for (to, values) in whole.iter_mut().zip(rows) {
        // SAFETY: as many values are read and written as a register has, with instructions that are there below `enter`.
        unsafe {
            let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(values.as_ptr()));
            to.as_mut_ptr().cast::<__m256bh>().write_unaligned(rounded);
        }
    }
    for (to, value) in last.iter_mut().zip(last_of_row) {
        *to = bf16_bits(*value);
    }
    rest.fill(0);
}

// SAFETY of every block below: the trait's functions run only where the processor has AVX-512 BF16, and pointers are as
// their callers promise; registers of equal size may be taken for one another.
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them, just above"
)]
impl Registers for Bf16 {
    type Sums = __m512;
    type Inputs = __m512bh;
    type Weights = __m512bh;

    const BEGUN: bool = true;

    #[inline(always)]
    unsafe fn start(addend: Avx512, _: *const i32, _: *const f32) -> __m512 {
        addend.0
    }

    #[inline(always)]
    unsafe fn inputs(from: *const u16) -> __m512bh {
        unsafe { std::mem::transmute(_mm512_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const u16) -> __m512bh {
        unsafe { std::mem::transmute(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    fn add(sums: __m512, inputs: __m512bh, weights: __m512bh) -> __m512 {
        unsafe { _mm512_dpbf16_ps(sums, inputs, weights) }
    }

    #[inline(always)]
    unsafe fn finish(sums: __m512, _: *const f32, _: *const f32) -> Avx512 {
        Avx512(sums)
    }
}
