//! The index as its users see it.

mod batches;
mod damage;
mod graph;
mod model;
mod readers;
mod spaces;
mod support;
