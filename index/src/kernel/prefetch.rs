//! Asking for memory before it is needed.

#![allow(unsafe_code, reason = "an instruction that reads nothing")]

use super::LINE;

/// Asks for the cache lines of `values`.
#[inline]
pub(crate) fn prefetch<T>(values: &[T]) {
    let start = values.as_ptr().cast::<u8>();
    for line in (0..size_of_val(values)).step_by(LINE) {
        prefetch_line::<1>(start.wrapping_add(line));
    }
}

/// Asks for a cache line in the cache of `LEVEL`, 1 or 2, of which the second waits for more lines at once; any address will do.
#[inline(always)]
pub(super) fn prefetch_line<const LEVEL: usize>(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and the instruction ignores addresses that cannot be read.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        if LEVEL == 1 {
            _mm_prefetch::<_MM_HINT_T0>(at.cast());
        } else {
            _mm_prefetch::<_MM_HINT_T1>(at.cast());
        }
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the instruction ignores addresses that cannot be read. Its intrinsic is not stable yet.
    unsafe {
        if LEVEL == 1 {
            std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags));
        } else {
            std::arch::asm!("prfm pldl2keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags));
        }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}
