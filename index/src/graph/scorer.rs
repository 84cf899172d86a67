//! What building a graph asks of the vectors.

/// Rows of unit vectors.
pub(super) trait Scorer: Sync {
    /// Cosine of two rows.
    fn similarity(&self, a: u32, b: u32) -> f32;

    /// Says that a row's similarity will be asked for soon.
    fn prefetch(&self, row: u32);
}
