//! `spaces`: a space by its id.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::error::{IndexError, Result};
use crate::types::{Space, SpaceId};

/// What is stored of a space; its id is the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SpaceRecord {
    pub(crate) name: String,
    pub(crate) dim: u32,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) attributes: Vec<u8>,
}

impl Record for SpaceRecord {
    const WHAT: &'static str = "space";
}

impl SpaceRecord {
    /// Joins the record with its id.
    pub(crate) fn into_space(self, id: SpaceId) -> Result<Space> {
        let dim = usize::try_from(self.dim).map_err(|error| IndexError::corrupt(Self::WHAT, error))?;
        if dim == 0 {
            return Err(IndexError::corrupt(
                Self::WHAT,
                format_args!("`{}` has no dimensions", self.name),
            ));
        }
        Ok(Space {
            id,
            name: self.name,
            dim,
            fingerprint: self.fingerprint,
            attributes: self.attributes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form() {
        let record = SpaceRecord {
            name: "ab".into(),
            dim: 300,
            fingerprint: [9; 32],
            attributes: vec![1, 2],
        };
        let golden = [&[1, 2, b'a', b'b', 0xac, 2][..], &[9; 32], &[2, 1, 2]].concat();
        super::super::tests::check(&record, &golden);
    }
}
