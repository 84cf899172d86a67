//! Pictures that teach the labels of a bank: items of a space of their own, so that the labels' text vectors stay as they
//! are. Beside them stand photographs of the library that show anything at all, the backdrop against which a picture is
//! seen to be near to an example or not.

mod backdrop;
mod builtin;
mod change;
mod read;
mod reembed;

use std::path::PathBuf;

use clipdex_index::{Index, ItemId, Space};
use serde::{Deserialize, Serialize};

pub(super) use backdrop::choose_backdrop;
pub(super) use change::ExamplesChange;
pub(super) use read::hash_of_file;
pub use read::{Example, read_examples};
pub use reembed::{Reembedded, reembed_examples};

use super::{LabelError, Method};
use crate::library::{EXAMPLES, LibraryError, Record, bytes_to_path};

/// BLAKE3 of a file's content.
pub(super) type Hash = [u8; 32];

/// The examples of a bank as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExamplesRecord {
    /// How they teach.
    pub method: Method,
}

impl Record for ExamplesRecord {
    const WHAT: &'static str = "bank's examples";
    const VERSION: u8 = 1;
}

/// One example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExampleRecord {
    /// Key of the label that it shows; empty for the backdrop.
    pub label: String,
    /// Where the picture was, absolute, as the library stores paths; empty for the backdrop.
    pub path: Vec<u8>,
}

impl ExampleRecord {
    /// Of a picture that shows no label.
    fn backdrop() -> Self {
        Self {
            label: String::new(),
            path: Vec::new(),
        }
    }
}

impl Record for ExampleRecord {
    const WHAT: &'static str = "label's example";
    const VERSION: u8 = 1;
}

/// An example as the library has it.
pub(super) struct StoredExample {
    pub item: ItemId,
    pub hash: Hash,
    pub record: ExampleRecord,
}

impl StoredExample {
    /// Whether it shows no label.
    pub fn is_backdrop(&self) -> bool {
        self.record.label.is_empty()
    }

    /// Where the picture was.
    pub fn path(&self) -> Result<PathBuf, LibraryError> {
        bytes_to_path(&self.record.path)
    }
}

/// Name of the space with the examples of a bank.
pub(super) fn space_name(bank: &str) -> String {
    format!("{EXAMPLES}{bank}")
}

/// Key of the picture with this content as an example of a label.
pub(super) fn example_key(label: &str, hash: &Hash) -> Vec<u8> {
    [label.as_bytes(), &[0], hash].concat()
}

/// All examples in a space, and the backdrop, in the order in which they were given.
pub(super) fn stored_examples(index: &Index, space: &Space) -> Result<Vec<StoredExample>, LabelError> {
    let mut examples = Vec::new();
    for item in index.items(space.id) {
        let item = item?;
        let hash = item.key.last_chunk().ok_or(LibraryError::Record(ExampleRecord::WHAT))?;
        examples.push(StoredExample {
            item: item.id,
            hash: *hash,
            record: ExampleRecord::decode(&item.payload)?,
        });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_stays_and_round_trips() {
        let record = ExampleRecord {
            label: "miso".into(),
            path: b"/a.jpg".to_vec(),
        };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, b"\x01\x04miso\x06/a.jpg");
        assert_eq!(ExampleRecord::decode(&bytes).unwrap(), record);
        let whole = ExamplesRecord {
            method: Method::TipAdapter,
        };
        let bytes = whole.encode().unwrap();
        assert_eq!(bytes, b"\x01\x01");
        assert_eq!(ExamplesRecord::decode(&bytes).unwrap(), whole);
    }

    #[test]
    fn keys_end_with_the_hash() {
        let key = example_key("a\0b", &[7; 32]);
        assert_eq!(key.last_chunk(), Some(&[7; 32]));
        assert_ne!(key, example_key("a", &[7; 32]));
    }
}
