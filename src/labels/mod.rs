//! Label banks: where labels come from, how they become vectors, and what an image is out of all of them.

mod bank;
mod difference;
mod edit;
mod embedding;
mod error;
mod examples;
mod label;
mod prompts;
mod recipe;
mod records;
mod reembed;
mod senses;
mod source;
mod taught;
mod teaching;
mod template;
mod writer;
mod zero_shot;

pub use bank::Bank;
pub use difference::Difference;
pub use edit::LabelEdit;
pub use embedding::embed_labels;
pub use error::LabelError;
pub use examples::{Example, Reembedded, read_examples, reembed_examples};
pub use label::Label;
pub use recipe::{Recipe, RecipeChange, Senses, With};
pub use reembed::reembed_labels;
pub use source::{Builtin, LIST_SEPARATOR, LabelSource};
pub use taught::{Lesson, Method, Taught};
pub use teaching::{ForgetOutcome, TeachOutcome};
pub use template::{PromptTemplate, TemplateSet};
pub use writer::{AddOutcome, AddProgress, BankWriter};
pub use zero_shot::{Prediction, ZeroShot};
