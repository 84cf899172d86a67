use serde::{Serialize, de::DeserializeOwned};

use super::LibraryError;

/// A kind of record that the index stores as opaque bytes.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// What messages call it.
    const WHAT: &'static str;
    /// Layout of its bytes; another number is refused.
    const VERSION: u8;

    fn encode(&self) -> Result<Vec<u8>, LibraryError> {
        postcard::to_extend(self, vec![Self::VERSION]).map_err(|_| LibraryError::Record(Self::WHAT))
    }

    fn decode(bytes: &[u8]) -> Result<Self, LibraryError> {
        let damaged = || LibraryError::Record(Self::WHAT);
        let (&version, body) = bytes.split_first().ok_or_else(damaged)?;
        if version != Self::VERSION {
            return Err(damaged());
        }
        match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            _ => Err(damaged()),
        }
    }
}
