use super::kernels::{Kernels, Precision};

impl Precision {
    /// bf16 where this processor has instructions for it, else f32; never int8, since published weights have outliers
    /// that it loses more of than of random ones.
    pub fn auto() -> Self {
        if Kernels::best().has_bf16() {
            Self::Bf16
        } else {
            Self::F32
        }
    }
}

/// What one core computes at best with these instructions, measured in about a tenth of a second: billions of f32
/// operations a second, of which a multiply-add is two.
pub fn peak_gflops() -> f64 {
    Kernels::best().peak()
}

/// The instructions that encoders use on this processor, as a person calls them.
pub fn instructions() -> &'static str {
    Kernels::best().name()
}
