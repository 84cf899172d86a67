//! Values of every column family: a record version byte, then postcard. One file a record type.

mod failure;
mod file;
mod item;
mod meta;
mod root;
mod segment;
mod space;
mod vector;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{IndexError, Result};

pub(crate) use item::{ItemRecord, KeyRecord};
pub(crate) use meta::{Counters, FORMAT_VERSION, NextIds, OLDEST_FORMAT, decode_format, encode_format};
pub(crate) use root::RootRecord;
pub(crate) use segment::{RecallPoint, SegmentRecord, decode_tombstones, encode_tombstones};
pub(crate) use space::SpaceRecord;
pub(crate) use vector::{decode_vector, decode_vector_f32, encode_vector};

/// A value stored as a version byte and postcard. A change to the fields needs a new version and a migration; the
/// golden bytes beside each type fail otherwise.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The kind of record, for error messages.
    const WHAT: &'static str;
    /// The record version this program writes.
    const VERSION: u8 = 1;

    /// The stored bytes.
    fn encode(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, vec![Self::VERSION]).map_err(|error| IndexError::corrupt(Self::WHAT, error))
    }

    /// The value of stored bytes, all of which it must use.
    fn decode(bytes: &[u8]) -> Result<Self> {
        let (version, body) = split_version(Self::WHAT, bytes)?;
        if version != Self::VERSION {
            let detail = format_args!("record version {version}, known is {}", Self::VERSION);
            return Err(IndexError::corrupt(Self::WHAT, detail));
        }
        decode_body(Self::WHAT, body)
    }
}

/// The record version, and what follows it.
fn split_version<'a>(what: &'static str, bytes: &'a [u8]) -> Result<(u8, &'a [u8])> {
    let split = bytes.split_first().map(|(version, body)| (*version, body));
    split.ok_or_else(|| IndexError::corrupt(what, "the value is empty"))
}

/// The fields behind the version byte, all of them.
fn decode_body<T: DeserializeOwned>(what: &'static str, body: &[u8]) -> Result<T> {
    let (value, rest) = postcard::take_from_bytes(body).map_err(|error| IndexError::corrupt(what, error))?;
    if !rest.is_empty() {
        return Err(IndexError::corrupt(what, format_args!("{} bytes too many", rest.len())));
    }
    Ok(value)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Debug;

    use super::*;

    /// Round trip, golden bytes, and refusal of every shortened, lengthened or wrongly versioned form.
    pub(crate) fn check<R: Record + PartialEq + Debug>(record: &R, golden: &[u8]) {
        let bytes = record.encode().unwrap();
        assert_eq!(
            bytes,
            golden,
            "the stored form of `{}` changed: that needs a new version",
            R::WHAT
        );
        assert_eq!(R::decode(&bytes).unwrap(), *record);
        for length in 0..bytes.len() {
            assert!(
                matches!(R::decode(&bytes[..length]), Err(IndexError::Corrupt { .. })),
                "cut to {length}"
            );
        }
        let mut long = bytes.clone();
        long.push(0);
        assert!(matches!(R::decode(&long), Err(IndexError::Corrupt { .. })));
        let mut newer = bytes;
        newer[0] += 1;
        assert!(matches!(R::decode(&newer), Err(IndexError::Corrupt { .. })));
    }
}
