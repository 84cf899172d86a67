//! What all photographs of a library are recognised as: kept, searched by, and written out.
//!
//! The tags of a bank `NAME` are the items of a space `tags:NAME`: an item a photograph, whose key is the photograph's item
//! and whose payload its likeliest labels. Their vectors say nothing.
//!
//! | file | what |
//! | --- | --- |
//! | `run` | [`tag`]: what is to be compared, and the commits |
//! | `compare` | products of many photographs with many labels |
//! | `records`, `stored` | what is kept; reading it |
//! | `filter` | the photographs that have a tag |
//! | `sidecar` | tags as XMP |
//! | `suggest` | labels that a library needs |

mod compare;
mod error;
mod filter;
mod records;
mod run;
mod sidecar;
mod stored;
mod suggest;

pub use error::TagError;
pub use filter::{TagFilter, photos_with};
pub use run::{TagOptions, TagOutcome, tag};
pub use sidecar::{Keyword, Sidecars, Written};
pub use stored::StoredTags;
pub use suggest::{Suggestion, Suggestions, suggest};

#[cfg(test)]
mod tests;
