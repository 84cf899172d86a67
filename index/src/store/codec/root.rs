//! `roots`: a root by its id.

use serde::{Deserialize, Serialize};

use super::Record;

/// What is stored of a root; its id is the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RootRecord {
    pub(crate) location: Vec<u8>,
}

impl Record for RootRecord {
    const WHAT: &'static str = "root";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form() {
        super::super::tests::check(
            &RootRecord {
                location: b"/p".to_vec(),
            },
            &[1, 2, b'/', b'p'],
        );
    }
}
