#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

/// An inner loop that is written once and compiled for several instruction sets.
///
/// `run` must be `#[inline(always)]`, as must everything hot that it calls, so that the code ends up inside the function
/// that enables the instructions.
pub(super) trait Kernel {
    /// Runs the loop.
    fn run(self);
}

/// Runs `kernel` with the widest instructions that this processor has.
pub(super) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: `run_avx2` needs AVX2, which was detected just above.
        return unsafe { run_avx2(kernel) };
    }
    run_portable(kernel);
}

/// Runs `kernel` with the instructions that every processor of the target has.
pub(super) fn run_portable<K: Kernel>(kernel: K) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run();
}
