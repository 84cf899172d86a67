//! Label banks: where labels come from, how they become vectors, and what an image is out of all of them.

mod background;
mod bank;
mod embedding;
mod error;
mod label;
mod logits;
mod prompts;
mod recipe;
mod recognition;
mod records;
mod reembed;
mod senses;
mod source;
mod taxonomy;
mod template;
mod writer;
mod zero_shot;

pub use background::Background;
pub use bank::Bank;
pub use embedding::embed_labels;
pub use error::LabelError;
pub use label::Label;
pub use logits::Logits;
pub use recipe::{Recipe, RecipeChange, Senses, With};
pub use recognition::{NoneOfThese, Prediction, Recognition};
pub use reembed::reembed_labels;
pub use source::{Builtin, LabelSource};
pub use taxonomy::{Answer, Node, NodeId, Taxonomy};
pub use template::{PromptTemplate, TemplateSet};
pub use writer::{AddOutcome, AddProgress, BankWriter};
pub use zero_shot::{LabelVectors, ZeroShot};
