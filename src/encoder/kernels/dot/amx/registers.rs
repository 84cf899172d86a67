//! The instructions of tile registers, but for products.

#![allow(unsafe_code, reason = "instructions of tile registers, once they are detected")]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

use super::super::super::storage::LINE;
use super::SIDE;

/// Asks the system for tile registers, which it saves for no program that has not asked; whether the processor has them,
/// for bf16 and int8, and the system grants them.
pub(in super::super::super) fn granted() -> bool {
    /// Bits of EDX in leaf 7 of CPUID: AMX-BF16, AMX-TILE and AMX-INT8.
    const FEATURES: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    /// `ARCH_REQ_XCOMP_PERM`, for the state component of tiles (Documentation/arch/x86/xstate.rst of Linux).
    const REQUEST: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    __cpuid_count(0, 0).eax >= 7
        && __cpuid_count(7, 0).edx & FEATURES == FEATURES
        // SAFETY: the call reads and writes no memory of the program.
        && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) } == 0
}

/// What `ldtilecfg` reads: how much of each register is used.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Sets the registers up, zeros in all: 0 to 3 for sums, the upper rows' in two and the lower rows' in two, 4 and 5 for
/// upper and lower rows, 6 and 7 for columns. All are used whole, so that no tile needs to set them up anew, which takes as
/// long as a sixth of a product 768 deep.
///
/// # Safety
/// As for all functions below, tile registers must be [`granted`]. The compiler knows nothing of these registers, so that
/// they keep their values from one block of assembler to the next.
#[inline(always)]
pub(super) unsafe fn set_up() {
    let mut shapes = Shapes {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    shapes.row_bytes[..8].fill(LINE as u16);
    shapes.rows[..8].fill(SIDE as u8);
    // SAFETY: the instruction reads the 64 bytes of `shapes`.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, preserves_flags)) };
}

/// Lets go of all registers, which the system then need not save.
#[inline(always)]
pub(super) unsafe fn release() {
    // SAFETY: the instruction touches tile registers alone.
    unsafe { asm!("tilerelease", options(nostack, preserves_flags)) };
}

#[inline(always)]
pub(super) unsafe fn zero<const REGISTER: u8>() {
    // SAFETY: the instruction touches tile registers alone.
    unsafe { asm!("tilezero tmm{}", const REGISTER, options(nostack, preserves_flags)) };
}

/// Loads the rows of a register, each a line, one every `stride` bytes from `from` on; all must be readable.
#[inline(always)]
pub(super) unsafe fn load<const REGISTER: u8>(from: *const u8, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("tileloadd tmm{}, [{} + {} * 1]", const REGISTER, in(reg) from, in(reg) stride, options(nostack, preserves_flags));
    }
}

/// Stores the rows of a register likewise; all must be writable.
#[inline(always)]
pub(super) unsafe fn store<const REGISTER: u8>(to: *mut u8, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("tilestored [{} + {} * 1], tmm{}", in(reg) to, in(reg) stride, const REGISTER, options(nostack, preserves_flags));
    }
}
