//! Fused operations on candle tensors for the CPU: each does in one pass over memory what would otherwise be several
//! tensor operations, and is compiled for AVX2 besides the processor's base instruction set.
//!
//! All of them work on contiguous f32 tensors. Sizes are checked against the tensors, so that a wrong model gives an
//! error and not a wrong result.

mod halve;
mod relu;
mod simd;
mod windows;

pub(crate) use halve::Halve;
pub(crate) use relu::BiasRelu;
pub(crate) use windows::Windows;

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

/// Passes on `values` where they are whole rows as wide as `columns`.
fn rows_of<'a>(values: &'a mut [f32], columns: &[f32]) -> Result<&'a mut [f32]> {
    if columns.is_empty() || !values.len().is_multiple_of(columns.len()) {
        bail!("{} values are not rows of {} columns", values.len(), columns.len())
    }
    Ok(values)
}

/// Passes on `values` where they are as many as `rows` holds.
fn same_length<'a>(values: &'a [f32], rows: &[f32]) -> Result<&'a [f32]> {
    if values.len() != rows.len() {
        bail!("a residual of {} values for {}", values.len(), rows.len())
    }
    Ok(values)
}

#[cfg(test)]
mod testing {
    //! Reproducible values for the tests of the operations.

    use candle_core::{Device, Result, Tensor};

    pub(crate) use crate::encoder::kernels::testing::noise;

    /// Largest absolute difference of two slices of equal length.
    pub(crate) fn max_difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }
    /// A matrix of noise between `-scale` and `scale`.
    pub(crate) fn matrix(rows: usize, columns: usize, seed: u64, scale: f64) -> Result<Tensor> {
        Tensor::from_vec(noise(rows * columns, seed), (rows, columns), &Device::Cpu)? * scale
    }

    /// A vector.
    pub(crate) fn row(values: &[f32]) -> Result<Tensor> {
        Tensor::new(values, &Device::Cpu)
    }

    /// All values, row-major.
    pub(crate) fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
        tensor.flatten_all()?.to_vec1()
    }
}
