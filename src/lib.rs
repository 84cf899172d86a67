//! clipdex searches photographs by what they show.
//!
//! See ARCHITECTURE.md for the rooms and the direction of dependence between them.

pub mod cli;
mod contain;
pub mod duplicates;
pub mod encoder;
pub mod hub;
pub mod ingest;
pub mod labels;
pub mod library;
pub mod media;
pub mod perceptual;
pub mod picture;
pub mod query;
pub mod rgb;
pub mod tags;
