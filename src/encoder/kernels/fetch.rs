//! Asking for memory before it is needed.

#![allow(unsafe_code, reason = "an instruction that reads nothing")]

use super::storage::LINE;

/// Begins to fetch the cache line at `address`, which need not be readable, into the cache of `LEVEL`, 1 or 2.
#[inline(always)]
pub(super) fn fetch<const LEVEL: usize>(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is part of x86-64, and does nothing where the address is wrong.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        if LEVEL == 1 {
            _mm_prefetch::<_MM_HINT_T0>(address.cast());
        } else {
            _mm_prefetch::<_MM_HINT_T1>(address.cast());
        }
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the instruction is part of AArch64, and does nothing where the address is wrong.
    unsafe {
        if LEVEL == 1 {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags));
        } else {
            std::arch::asm!("prfm pldl2keep, [{}]", in(reg) address, options(nostack, preserves_flags));
        }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Begins to fetch so many lines into the L2 cache, for what is needed only later would push out of the L1 cache what is needed
/// now; gives where the next are.
#[inline(always)]
pub(super) fn fetch_lines(from: *const u8, lines: usize) -> *const u8 {
    for line in 0..lines {
        fetch::<2>(from.wrapping_add(line * LINE));
    }
    from.wrapping_add(lines * LINE)
}

/// How many lines to fetch every how many groups so that as many as `lines` are in so many `groups`. More of them than groups
/// would wait for one another if they were fetched at once.
#[inline(always)]
pub(super) fn spread(lines: usize, groups: usize) -> (usize, usize) {
    if lines >= groups {
        (lines.div_ceil(groups), 1)
    } else {
        (lines, groups)
    }
}
