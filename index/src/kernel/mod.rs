//! Dot products, the inner loops of building and searching.
//!
//! | file | what |
//! | --- | --- |
//! | `float` | f16 and f32 vectors: exact scores |
//! | `choice` | [`Kernels`]: which instructions the processor has, and products of int8 codes with them |
//! | `int8/` | the inner loop over codes, one file an instruction set |
//! | `work` | what is done with that loop: listed rows, for one query or several, or all rows in order |
//! | `sketch` | products with rows of one cache line |
//! | `prefetch` | asking for memory before it is needed |
//!
//! To add an instruction set, implement `int8::Int8` and name it in `choice`.

mod choice;
mod float;
mod int8;
mod prefetch;
mod sketch;
mod work;

pub(crate) use choice::Kernels;
pub(crate) use float::{dot_f16_f16, dot_f16_f32, dot_f32_f32};
pub(crate) use int8::SEVERAL;
pub(crate) use prefetch::prefetch;
pub(crate) use sketch::{LineQuery, MAX_SHIFT, STRONG, WEAK, weak_place};

/// Codes of a row are padded with zeros to a multiple of this many: a cache line, and the widest register.
pub(crate) const LINE: usize = 64;
