//! The index as its users see it.

// The helpers are no test functions, for which clippy.toml allows these.
#![allow(clippy::unwrap_used, clippy::panic)]

mod batches;
mod damage;
mod graph;
mod model;
mod readers;
mod replace;
mod spaces;
mod support;
