//! The operations of a transformer on the CPU, each written once and compiled for several instruction sets.
//!
//! | file | what |
//! | --- | --- |
//! | `choice` | [`Kernels`]: which instructions the processor has, and the way to code that uses them |
//! | `lanes/` | a register of f32, one file an instruction set |
//! | `dot/` | how a product's rows and weights are stored and multiplied, one type an instruction set and precision |
//! | `tile`, `registers`, `layout`, `packed`, `product`, `output`, `fetch` | [`PackedMatrix`]: products of rows with packed weights |
//! | `peak` | how fast a core is at best |
//! | `encode`, `activations`, `arrangement` | [`Activations`]: rows, converted to what a product multiplies, and how they lie |
//! | `intermediate` | [`Intermediate`]: results that become rows of the next product |
//! | `tally` | sums and largest of scores that are not kept |
//! | `functions`, `softmax`, `norm`, `attention`, `probe`, `patches`, `depthwise` | what happens between products |
//!
//! To add an instruction set, write its `Lanes` and its `Dot`s, and name them in `choice`. A `Dot` says how rows and weights
//! are stored and multiplied a tile at a time: in registers of `Lanes`, by `dot::Registers`, or as `dot/amx.rs` does it.
//!
//! Everything runs on the calling thread, and no row of a result depends on the other rows of a call: not even its last bit.

mod activations;
mod arrangement;
mod attention;
mod choice;
mod depthwise;
mod dot;
mod encode;
mod error;
mod fetch;
#[cfg(test)]
#[path = "tests/fixed.rs"]
mod fixed_tests;
mod functions;
mod intermediate;
mod lanes;
mod layout;
mod norm;
mod output;
mod packed;
mod patches;
mod peak;
mod probe;
mod product;
mod registers;
mod softmax;
#[cfg(test)]
#[path = "tests/split.rs"]
mod split_tests;
mod storage;
mod tally;
#[cfg(test)]
pub(crate) mod testing;
mod tile;

pub(crate) use activations::{Activations, Rows};
pub(crate) use attention::{Attention, Scratch};
pub(crate) use choice::Kernels;
pub(crate) use depthwise::{Depthwise, same_padding};
pub use error::KernelError;
pub(crate) use functions::Activation;
pub(crate) use intermediate::Intermediate;
pub use layout::Precision;
pub(crate) use norm::Norm;
pub(crate) use packed::PackedMatrix;
pub(crate) use patches::Patches;
pub(crate) use probe::ProbeAttention;
pub(crate) use product::Epilogue;
pub(crate) use storage::{Buffer, Shared};
pub(crate) use tally::PowerSum;
