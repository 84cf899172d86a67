//! The index as its users see it.

mod batches;
mod readers;
mod spaces;
mod support;
