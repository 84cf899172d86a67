//! Label banks: where labels come from, how they become vectors, and what an image is out of all of them.

mod bank;
mod embedding;
mod error;
mod label;
mod prompts;
mod recipe;
mod records;
mod reembed;
mod senses;
mod source;
mod template;
mod writer;
mod zero_shot;

pub use bank::Bank;
pub use embedding::embed_labels;
pub use error::LabelError;
pub use label::Label;
pub use recipe::{Recipe, RecipeChange, Senses, With};
pub use reembed::reembed_labels;
pub use source::{Builtin, LabelSource};
pub use template::{PromptTemplate, TemplateSet};
pub use writer::{AddOutcome, AddProgress, BankWriter};
pub use zero_shot::{Prediction, ZeroShot};
