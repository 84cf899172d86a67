//! Vectors in one byte a value, for all that may be a little wrong: walking a graph, building one, and finding out
//! which rows a scan must look at exactly.
//!
//! What is coded of a vector `x` is `x - mean`: encoders give all vectors a large common part, which would cost bits
//! and tell nothing. A row's codes are `round((x - mean) / scale)`, from -127 to 127, with `scale` such that the row's
//! largest value becomes 127. So `query · x = query · mean + scale * (query · codes) + query · rest`, where the rest is
//! what rounding left, and not longer than `scale * error`.

mod codes;
mod many;
mod query;

pub(crate) use codes::{Codes, CodesView, MAX_CODE, memory, stride};
pub(crate) use many::PreparedQueries;
pub(crate) use query::{MAX_ROWS_AT_ONCE, PreparedQuery};

/// Nearest integer to a value of less than 2^22, in a form that compilers turn into vector instructions.
pub(crate) fn rounded(value: f32) -> i32 {
    /// 1.5 * 2^23: what is added to it has no fraction left, and lies in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    (value + MAGIC)
        .to_bits()
        .cast_signed()
        .wrapping_sub(MAGIC.to_bits().cast_signed())
}

#[cfg(test)]
mod tests;
