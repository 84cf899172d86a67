//! Label banks: where labels come from, how they become vectors, and what an image is out of all of them.

mod background;
mod bank;
mod error;
mod label;
mod logits;
mod recognition;
mod records;
mod reembed;
mod source;
mod taxonomy;
mod template;
mod zero_shot;

pub use background::Background;
pub use bank::{AddOutcome, AddProgress, Bank, BankWriter};
pub use error::LabelError;
pub use label::Label;
pub use logits::Logits;
pub use recognition::{NoneOfThese, Prediction, Recognition};
pub use reembed::reembed_labels;
pub use source::{Builtin, LabelSource};
pub use taxonomy::{Answer, Node, NodeId, Taxonomy};
pub use template::PromptTemplate;
pub use zero_shot::{LabelVectors, ZeroShot};
