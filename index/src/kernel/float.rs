//! Dot products between f32 queries and f16 vectors: exact scores.
//!
//! The portable version keeps sixteen running sums, which compilers turn into vector instructions; on x86-64 with
//! AVX2, FMA and F16C, found at run time, a hand-written version is used.

#![allow(unsafe_code, reason = "vector instructions, once they are detected")]

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Independent sums of the portable version.
const LANES: usize = 16;

/// Sum of `a[i] * b[i]` over the shorter length.
pub(crate) fn dot_f16_f32(a: &[f16], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if avx2::available() {
        // SAFETY: the processor has the features that the function is compiled for.
        return unsafe { avx2::dot_f16_f32(a, b) };
    }
    portable_f16_f32(a, b)
}

/// Sum of `a[i] * b[i]` over the shorter length.
pub(crate) fn dot_f16_f16(a: &[f16], b: &[f16]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if avx2::available() {
        // SAFETY: the processor has the features that the function is compiled for.
        return unsafe { avx2::dot_f16_f16(a, b) };
    }
    portable_f16_f16(a, b)
}

/// Sum of `a[i] * b[i]` over the shorter length.
pub(crate) fn dot_f32_f32(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = common_rest(a, b);
    for (x, y) in a_blocks.zip(b_blocks) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// What is left of both slices after the blocks that they have in common.
fn common_rest<'a, A, B>(a: &'a [A], b: &'a [B]) -> (&'a [A], &'a [B]) {
    let done = a.len().min(b.len()) / LANES * LANES;
    (a.get(done..).unwrap_or_default(), b.get(done..).unwrap_or_default())
}

fn portable_f16_f32(a: &[f16], b: &[f32]) -> f32 {
    let mut block = [0.0f32; 8 * LANES];
    let mut sum = 0.0;
    for (a, b) in a.chunks(block.len()).zip(b.chunks(8 * LANES)) {
        if let Some(wide) = block.get_mut(..a.len()) {
            a.convert_to_f32_slice(wide);
            sum += dot_f32_f32(wide, b);
        }
    }
    sum
}

fn portable_f16_f16(a: &[f16], b: &[f16]) -> f32 {
    let mut block = [0.0f32; 8 * LANES];
    let mut sum = 0.0;
    for (a, b) in a.chunks(block.len()).zip(b.chunks(8 * LANES)) {
        if let Some(wide) = block.get_mut(..b.len()) {
            b.convert_to_f32_slice(wide);
            sum += portable_f16_f32(a, wide);
        }
    }
    sum
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256, _mm_add_ps, _mm_cvtss_f32, _mm_hadd_ps, _mm_loadu_si128, _mm256_add_ps,
        _mm256_castps256_ps128, _mm256_cvtph_ps, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_setzero_ps,
    };

    use half::f16;

    /// f32 values in one register.
    const WIDTH: usize = 8;
    /// Registers summed independently, to hide the latency of a fused multiply-add.
    const UNROLL: usize = 4;

    pub(super) fn available() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn dot_f16_f32(a: &[f16], b: &[f32]) -> f32 {
        let length = a.len().min(b.len());
        // SAFETY: `dot` calls with `at + WIDTH <= length`, which neither slice is shorter than.
        let sum = dot(length, |at| unsafe {
            (
                _mm256_cvtph_ps(_mm_loadu_si128(a.as_ptr().add(at).cast::<__m128i>())),
                _mm256_loadu_ps(b.as_ptr().add(at)),
            )
        });
        sum + rest(length, a, b, |x| x)
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn dot_f16_f16(a: &[f16], b: &[f16]) -> f32 {
        let length = a.len().min(b.len());
        // SAFETY: `dot` calls with `at + WIDTH <= length`, which neither slice is shorter than.
        let sum = dot(length, |at| unsafe {
            (
                _mm256_cvtph_ps(_mm_loadu_si128(a.as_ptr().add(at).cast::<__m128i>())),
                _mm256_cvtph_ps(_mm_loadu_si128(b.as_ptr().add(at).cast::<__m128i>())),
            )
        });
        sum + rest(length, a, b, f16::to_f32)
    }

    /// Sums the products of all whole registers; `load(at)` gives both sides from element `at` on, and is called
    /// with `at + WIDTH <= length` alone.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn dot(length: usize, load: impl Fn(usize) -> (__m256, __m256)) -> f32 {
        let mut sums = [_mm256_setzero_ps(); UNROLL];
        let mut at = 0;
        while at + UNROLL * WIDTH <= length {
            for (step, sum) in sums.iter_mut().enumerate() {
                let (x, y) = load(at + step * WIDTH);
                *sum = _mm256_fmadd_ps(x, y, *sum);
            }
            at += UNROLL * WIDTH;
        }
        let [mut first, second, third, fourth] = sums;
        while at + WIDTH <= length {
            let (x, y) = load(at);
            first = _mm256_fmadd_ps(x, y, first);
            at += WIDTH;
        }
        let sum = _mm256_add_ps(_mm256_add_ps(first, second), _mm256_add_ps(third, fourth));
        let halves = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
        let pairs = _mm_hadd_ps(halves, halves);
        _mm_cvtss_f32(_mm_hadd_ps(pairs, pairs))
    }

    /// The elements past the last whole register.
    #[inline]
    fn rest<B: Copy>(length: usize, a: &[f16], b: &[B], widen: impl Fn(B) -> f32) -> f32 {
        let done = length / WIDTH * WIDTH;
        a.iter().zip(b).skip(done).map(|(x, y)| x.to_f32() * widen(*y)).sum()
    }
}

#[cfg(test)]
mod tests {
    use half::vec::HalfFloatVecExt;

    use super::*;
    use crate::testing::Noise;

    fn reference(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    }

    #[test]
    fn every_version_agrees_with_double_precision_at_every_length() {
        let mut noise = Noise::new(7);
        for length in (0..70).chain([127, 128, 129, 384, 511, 512, 513, 768]) {
            let a: Vec<f16> = Vec::from_f32_slice(&noise.values(length));
            let b = noise.values(length);
            let a_wide: Vec<f32> = a.iter().map(|x| x.to_f32()).collect();
            let b_half: Vec<f16> = Vec::from_f32_slice(&b);
            let b_rounded: Vec<f32> = b_half.iter().map(|x| x.to_f32()).collect();
            let bound = 1e-6 * (1.0 + length as f64);
            for got in [dot_f16_f32(&a, &b), portable_f16_f32(&a, &b), dot_f32_f32(&a_wide, &b)] {
                assert!(
                    (f64::from(got) - reference(&a_wide, &b)).abs() < bound,
                    "length {length}"
                );
            }
            for got in [dot_f16_f16(&a, &b_half), portable_f16_f16(&a, &b_half)] {
                assert!(
                    (f64::from(got) - reference(&a_wide, &b_rounded)).abs() < bound,
                    "length {length}"
                );
            }
        }
    }

    #[test]
    fn the_shorter_side_bounds_the_sum() {
        let ones = vec![f16::ONE; 40];
        for length in 0..40 {
            assert_eq!(dot_f16_f32(&ones, &vec![1.0; length]), length as f32);
            assert_eq!(portable_f16_f32(&ones, &vec![1.0; length]), length as f32);
            assert_eq!(dot_f16_f16(&ones[..length], &ones), length as f32);
            assert_eq!(dot_f32_f32(&vec![1.0; length], &[1.0; 40]), length as f32);
        }
    }
}
