//! Sealed segments: immutable, memory-mapped, derived from the database.

pub(crate) mod format;
mod read;
mod write;

use std::path::{Path, PathBuf};

pub(crate) use read::Segment;
pub(crate) use write::write;

/// The directory of segment files under the library.
pub(crate) fn directory(library: &Path) -> PathBuf {
    library.join("segments")
}

#[cfg(test)]
mod tests;
