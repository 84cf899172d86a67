//! Label banks: where labels come from, how they become vectors, and what an image is out of all of them.

mod bank;
mod error;
mod label;
mod records;
mod reembed;
mod source;
mod template;
mod zero_shot;

pub use bank::{AddOutcome, AddProgress, Bank, BankWriter};
pub use error::LabelError;
pub use label::Label;
pub use reembed::reembed_labels;
pub use source::{Builtin, LabelSource};
pub use template::PromptTemplate;
pub use zero_shot::{Prediction, ZeroShot};
