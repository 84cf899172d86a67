//! The two towers of CLIP and its kin: transformers that normalise before each layer, one over the patches of an image
//! and one over the tokens of a text. A family adds how its files name the parts and how a tower's states are pooled.

mod config;
mod parts;
mod projection;
mod text;
mod transformer;
mod vision;

pub(super) use config::{TextConfig, TransformerConfig, VisionConfig, in_range, over_defaults};
pub(super) use parts::{Compute, Parts};
pub(super) use projection::Projection;
pub(super) use text::{Sequences, TextNames, TextTower, TokenTower, TowerTextEncoder};
pub(super) use transformer::{FeedForward, LayerNames, TRANSFORMERS_LAYER, Workspace};
pub(super) use vision::{Pool, TowerImageEncoder, VisionNames, VisionTower, first_states};
