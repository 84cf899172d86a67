//! The two towers of CLIP and its kin: transformers that normalise before each layer, one over the patches of an image
//! and one over the tokens of a text. A family adds how its files name the parts and how a tower's states are pooled.

mod config;
mod parts;
mod projection;
mod text;
mod transformer;
mod vision;

pub(super) use config::{TextConfig, TransformerConfig, VisionConfig, in_range, over_defaults, side};
pub(super) use parts::{Compute, Parts};
pub(super) use projection::Projection;
pub(super) use text::{Sequences, TextNames, TextTower, TowerTextEncoder};
pub(super) use transformer::{FeedForward, LayerNames, TRANSFORMERS_LAYER, Workspace};
pub(super) use vision::{Pool, TowerImageEncoder, VisionNames, VisionTower};
// What towers on a device share with these.
#[cfg(any(test, feature = "accelerator"))]
pub(super) use {text::TokenTower, vision::first_states};
