//! The one error type of the crate.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::types::{ItemId, RootId, SpaceId};

/// What an operation of this crate returns.
pub type Result<T, E = IndexError> = std::result::Result<T, E>;

/// Everything that can go wrong in the index. No variant leaves stored data changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The directory holds no library.
    #[error("no library in {path}: it has no {missing}")]
    NotFound {
        /// The directory that was to be opened.
        path: PathBuf,
        /// The file that makes a directory a library.
        missing: &'static str,
    },
    /// Another writer has the library open.
    #[error("the library is locked by {}: {path}; wait for it to finish, or stop it", describe_pid(*.pid))]
    Locked {
        /// The process that holds the lock, where it could be read.
        pid: Option<u32>,
        /// The lock file.
        path: PathBuf,
    },
    /// The library was written in a format that this program does not know.
    #[error("the library has format {found}, and this program reads format {supported}: use a newer program")]
    UnsupportedFormat {
        /// The format stored in the library.
        found: u32,
        /// The format that this program writes.
        supported: u32,
    },
    /// Stored bytes are not what this crate writes.
    #[error("the library is damaged: {what}: {detail}; {DAMAGED}")]
    Corrupt {
        /// The kind of record.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A vector or space of one encoder met a space of another.
    #[error(
        "space `{space}` holds vectors of another encoder (fingerprint {}…, given {}…): \
         use the encoder that the library was made with, or another library",
        hex8(.stored), hex8(.given)
    )]
    FingerprintMismatch {
        /// The space's name.
        space: String,
        /// The fingerprint stored with the space.
        stored: [u8; 32],
        /// The fingerprint that came with the request.
        given: [u8; 32],
    },
    /// A space or vector has another length than the stored space.
    #[error(
        "space `{space}` holds vectors of {stored} dimensions, given {given}: use the encoder that the space was made with"
    )]
    DimensionMismatch {
        /// The space's name.
        space: String,
        /// Dimensions stored with the space.
        stored: usize,
        /// Dimensions that came with the request.
        given: usize,
    },
    /// A vector is not finite or not of unit length.
    #[error("not a unit vector: {reason}; normalise vectors before they come here")]
    InvalidVector {
        /// What is wrong with it.
        reason: String,
    },
    /// A space cannot have this name or dimension.
    #[error("a space cannot be created: {reason}")]
    InvalidSpace {
        /// What is wrong with it.
        reason: String,
    },
    /// No space has this id (it may have been dropped).
    #[error("no space has the id {}: it was dropped or belongs to another library", .id.0)]
    NoSuchSpace {
        /// The id asked for.
        id: SpaceId,
    },
    /// No item has this id in the space.
    #[error("space `{space}` has no item {id}: it was deleted")]
    NoSuchItem {
        /// The space's name.
        space: String,
        /// The id asked for.
        id: ItemId,
    },
    /// No root has this id.
    #[error("no root has the id {}: it was removed or belongs to another library", .id.0)]
    NoSuchRoot {
        /// The id asked for.
        id: RootId,
    },
    /// All ids of a kind are used.
    #[error("no {what} ids are left in this library")]
    Exhausted {
        /// The kind of id.
        what: &'static str,
    },
    /// The search graph could not be built.
    #[error("the search graph could not be built: {reason}")]
    Graph {
        /// What went wrong.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// RocksDB reported an error.
    #[error("the database failed to {action}: {detail}; {}", remedy(.detail))]
    Database {
        /// What was being done.
        action: &'static str,
        /// RocksDB's message.
        detail: String,
    },
    /// A file operation failed.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl IndexError {
    pub(crate) fn corrupt(what: &'static str, detail: impl Display) -> Self {
        Self::Corrupt {
            what,
            detail: detail.to_string(),
        }
    }

    /// For `map_err`: ties a system error to the file it is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// What helps against damage.
const DAMAGED: &str = "try `clipdex verify --repair`, or write what can be read of it with `clipdex export --salvage` and make a \
                       new library from the files";

/// What helps against a failure that RocksDB describes so.
fn remedy(detail: &str) -> &'static str {
    if detail.starts_with("Corruption") {
        DAMAGED
    } else {
        "check free space and permissions of the library directory"
    }
}

fn describe_pid(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn hex8(bytes: &[u8; 32]) -> String {
    bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing_and_the_remedy() {
        let locked = IndexError::Locked {
            pid: Some(41),
            path: "lib/writer.lock".into(),
        };
        assert_eq!(
            locked.to_string(),
            "the library is locked by process 41: lib/writer.lock; wait for it to finish, or stop it"
        );
        let other = IndexError::FingerprintMismatch {
            space: "images".into(),
            stored: [0xab; 32],
            given: [1; 32],
        };
        assert!(other.to_string().contains("`images`"));
        assert!(other.to_string().contains("abababab"));
        assert!(other.to_string().contains("01010101"));
        let failed = |detail: &str| {
            let (action, detail) = ("read", detail.to_owned());
            IndexError::Database { action, detail }.to_string()
        };
        assert!(failed("IO error: No space left on device").contains("check free space"));
        assert!(failed("Corruption: block checksum mismatch").contains("export --salvage"));
    }
}
