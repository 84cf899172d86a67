use super::parts::Compute;
use super::transformer::Workspace;
use crate::encoder::kernels::{Epilogue, KernelError, Norm, PackedMatrix};

/// The end of a tower: a norm and the product that makes vectors of states.
pub(in crate::encoder) struct Projection {
    pub(in crate::encoder) compute: Compute,
    pub(in crate::encoder) norm: Norm,
    pub(in crate::encoder) matrix: PackedMatrix,
}

impl Projection {
    /// Vectors `[rows, dim]`, of any length, of states `[rows, width]`.
    pub(in crate::encoder) fn forward(
        &self,
        states: &[f32],
        workspace: &mut Workspace,
    ) -> Result<Vec<f32>, KernelError> {
        let Compute { kernels, precision } = self.compute;
        let rows = &mut workspace.activations;
        rows.norm(kernels, precision, &self.norm, states)?;
        let mut vectors = vec![0.0; rows.all().len() * self.matrix.outputs()];
        self.matrix.multiply(rows.all(), Epilogue::Store, &mut vectors)?;
        Ok(vectors)
    }
}
