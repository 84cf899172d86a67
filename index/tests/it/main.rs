//! The index as its users see it.

// The helpers are no test functions, for which clippy.toml allows these.
#![allow(clippy::unwrap_used, clippy::panic)]

mod batches;
mod damage;
mod filters;
mod graph;
mod kills;
mod living;
mod model;
mod readers;
mod recall;
mod repair;
mod replace;
mod spaces;
mod support;
