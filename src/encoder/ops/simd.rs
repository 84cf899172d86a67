#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

/// An inner loop that is written once and compiled for several instruction sets.
///
/// `run` must be `#[inline(always)]`, as must everything hot that it calls, so that the code ends up inside the function
/// that enables the instructions.
pub(super) trait Kernel {
    /// Runs the loop. `FMA` says whether the processor multiplies and adds in one instruction; see [`multiply_add`].
    fn run<const FMA: bool>(self);
}

/// Runs `kernel` with the widest instructions that this processor has.
pub(super) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: `run_avx2` needs AVX2 and FMA, which were detected just above.
        return unsafe { run_avx2(kernel) };
    }
    run_portable(kernel);
}

/// Runs `kernel` with the instructions that every processor of the target has.
pub(super) fn run_portable<K: Kernel>(kernel: K) {
    // Every AArch64 processor has fused multiply-add; on x86-64 it came with AVX2.
    if cfg!(target_arch = "aarch64") {
        kernel.run::<true>();
    } else {
        kernel.run::<false>();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run::<true>();
}

/// `a * b + c`. Without the instruction, `f32::mul_add` is a slow library call, hence the two forms.
#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
