//! clipdex searches photographs by what they show.
//!
//! See ARCHITECTURE.md for the rooms and the direction of dependence between them.

pub mod encoder;
pub mod media;
pub mod rgb;
