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

/// Memory that is fetched a few lines at a time into the L2 cache, for what is needed only later would push out of the L1 cache
/// what is needed now: of its two halves at once, which comes quicker than one line after another.
pub(super) struct Ahead {
    next: *const u8,
    /// Lines that are fetched of each half at a time.
    lines: usize,
    /// Bytes from one half to the other.
    apart: usize,
}

impl Ahead {
    /// From `from` on, about `lines` lines each of so many `times`.
    #[inline(always)]
    pub(super) fn new(from: *const u8, lines: usize, times: usize) -> Self {
        let half = lines.div_ceil(2);
        Self {
            next: from,
            lines: half,
            // A single line has no second half.
            apart: if lines > 1 { times * half * LINE } else { 0 },
        }
    }

    /// Begins to fetch the next lines.
    #[inline(always)]
    pub(super) fn fetch(&mut self) {
        for line in 0..self.lines {
            let address = self.next.wrapping_add(line * LINE);
            fetch::<2>(address);
            fetch::<2>(address.wrapping_add(self.apart));
        }
        self.next = self.next.wrapping_add(self.lines * LINE);
    }
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
