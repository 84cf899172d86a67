//! Asking for memory before it is needed.

#![allow(unsafe_code, reason = "an instruction that reads nothing")]

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
    pairs: usize,
    /// Bytes from one half to the other.
    apart: usize,
}

impl Ahead {
    /// `pairs` lines at a time from `from` on, and as many from `apart` bytes farther on.
    #[inline(always)]
    pub(super) fn new(from: *const u8, pairs: usize, apart: usize) -> Self {
        Self {
            next: from,
            pairs,
            apart,
        }
    }

    /// Begins to fetch the next lines, each `step` bytes after the last.
    #[inline(always)]
    pub(super) fn fetch(&mut self, step: usize) {
        for _ in 0..self.pairs {
            fetch::<2>(self.next);
            fetch::<2>(self.next.wrapping_add(self.apart));
            self.next = self.next.wrapping_add(step);
        }
    }
}

/// How many pairs of lines to fetch every how many groups so that at least `pairs` are in so many `groups`, a power of two. More
/// of them than groups would wait for one another if they were fetched at once.
#[inline(always)]
pub(super) fn spread(pairs: usize, groups: usize) -> (usize, usize) {
    if pairs >= groups {
        (pairs.div_ceil(groups), 1)
    } else {
        (pairs.min(1), groups / pairs.max(1).next_power_of_two())
    }
}
