//! Results of a product that become the rows of what follows.

use super::activations::{Activations, Rows};
use super::choice::Kernels;
use super::error::KernelError;
use super::functions::Activation;
use super::layout::Precision;
use super::packed::PackedMatrix;
use super::product::Epilogue;
use super::storage::Buffer;

/// Memory of such results, used again for the next.
#[derive(Default)]
pub(crate) struct Intermediate {
    plain: Buffer,
    rows: Activations,
}

impl Intermediate {
    /// The first `length` of values that are written before they are read.
    pub(crate) fn first(&mut self, length: usize) -> &mut [f32] {
        self.plain.first(length)
    }

    /// Multiplies `rows` with `matrix`, and gives the results, or their activation, as rows of what these kernels compute in
    /// `precision`. They are converted while they are in the cache where their precision has no scale of the whole row.
    ///
    /// # Errors
    /// Those of [`PackedMatrix::multiply`].
    pub(crate) fn multiply(
        &mut self,
        matrix: &PackedMatrix,
        rows: Rows<'_>,
        activation: Option<Activation>,
        (kernels, precision): (Kernels, Precision),
    ) -> Result<Rows<'_>, KernelError> {
        let outputs = matrix.outputs();
        if matrix.multiply_to_rows(rows, activation, precision, &mut self.rows)? {
            return Ok(self.rows.all());
        }
        let epilogue = activation.map_or(Epilogue::Store, Epilogue::Activate);
        let plain = self.plain.first(rows.len() * outputs);
        matrix.multiply(rows, epilogue, plain)?;
        self.rows.convert(kernels, precision, plain, outputs)?;
        Ok(self.rows.all())
    }
}

#[cfg(test)]
#[path = "tests/intermediate.rs"]
mod tests;
