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
        match bytes.split_first() {
            Some((version, body)) if *version == Self::VERSION => body_of(Self::WHAT, body),
            Some((version, body)) => Self::decode_older(*version, body),
            None => Err(LibraryError::Record(Self::WHAT)),
        }
    }

    /// The record as it was in an older layout, where there is one.
    fn decode_older(_version: u8, _body: &[u8]) -> Result<Self, LibraryError> {
        Err(LibraryError::Record(Self::WHAT))
    }
}

/// The fields behind the version byte, which use all of it.
pub(crate) fn body_of<T: DeserializeOwned>(what: &'static str, body: &[u8]) -> Result<T, LibraryError> {
    match postcard::take_from_bytes(body) {
        Ok((fields, [])) => Ok(fields),
        _ => Err(LibraryError::Record(what)),
    }
}
