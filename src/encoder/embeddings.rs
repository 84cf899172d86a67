use super::{EncoderError, Identity};

/// Unit vectors of one dimension, one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    dim: usize,
    data: Vec<f32>,
}

impl Embeddings {
    /// Wraps row-major `data` of `data.len() / dim` vectors; `None` where `dim` is 0 or does not divide the length.
    pub fn new(dim: usize, data: Vec<f32>) -> Option<Self> {
        (dim > 0 && data.len().is_multiple_of(dim)).then_some(Self { dim, data })
    }

    /// Wraps `data` that an encoder made of whole rows of `dim` values.
    pub(super) fn from_rows(dim: usize, data: Vec<f32>) -> Self {
        debug_assert!(dim > 0 && data.len().is_multiple_of(dim));
        Self { dim, data }
    }

    /// Scales each of the rows of values that the model's encoder made to unit length.
    ///
    /// # Errors
    /// [`EncoderError::NoVector`] where a row has no direction.
    pub(super) fn normalized(identity: &Identity, mut data: Vec<f32>) -> Result<Self, EncoderError> {
        for row in data.chunks_exact_mut(identity.dim) {
            let norm = normalize(row);
            if !norm.is_finite() || norm == 0.0 {
                return Err(EncoderError::NoVector(identity.name.clone()));
            }
        }
        Ok(Self::from_rows(identity.dim, data))
    }

    /// Length of each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The vectors in order, `dim` values each.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.dim)
    }

    /// All values, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }
}

/// Scales `vector` to unit length, and gives the length that it had; a zero vector stays zero.
pub(super) fn normalize(vector: &mut [f32]) -> f32 {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    // The bound is PyTorch's.
    let factor = 1.0 / norm.max(1e-12);
    vector.iter_mut().for_each(|value| *value *= factor);
    norm
}
