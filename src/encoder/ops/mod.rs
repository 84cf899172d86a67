//! Fused operations on candle tensors for the CPU: each does in one pass over memory what would otherwise be several
//! tensor operations, and is compiled for AVX2 besides the processor's base instruction set.
//!
//! All of them work on contiguous f32 tensors. Sizes are checked against the tensors, so that a wrong model gives an
//! error and not a wrong result.

mod attention;
mod depthwise;
mod epilogue;
mod patches;
mod pool;
mod simd;

pub(crate) use attention::Attention;
pub(crate) use depthwise::{Depthwise, DepthwiseWeights};
pub(crate) use epilogue::{AddBias, BiasGelu, BiasNorm};
pub(crate) use patches::Patches;
pub(crate) use pool::MeanRelu6;

use candle_core::{CpuStorage, Layout, Result, bail};

/// The values of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets().and_then(|(start, end)| all.get(start..end)) {
        Some(values) => Ok(values),
        None => bail!("a fused operation was given a tensor that is not contiguous: {layout:?}"),
    }
}

/// The values of a contiguous f32 tensor, to be changed in place.
fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(all) = storage else {
        bail!("a fused operation works on f32 tensors alone")
    };
    match layout
        .contiguous_offsets()
        .and_then(|(start, end)| all.get_mut(start..end))
    {
        Some(values) => Ok(values),
        None => bail!("a fused operation was given a tensor that is not contiguous: {layout:?}"),
    }
}

#[cfg(test)]
mod testing {
    //! Reproducible values for the tests of the operations.

    /// `count` values between -1 and 1 from a linear congruential generator (Knuth's MMIX constants).
    pub(crate) fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        (0..count)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// Largest absolute difference of two slices of equal length.
    pub(crate) fn max_difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }
}
