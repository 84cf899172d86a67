//! Which part of the library a run is about.

use std::path::{Path, PathBuf};

use clipdex_index::RootId;

use super::IngestError;
use crate::library::{LibraryError, LibraryWriter, path_to_bytes};

/// The directory of a run, and the root that its files are stored under.
pub(super) struct Scope {
    /// The directory that is walked, absolute, without links.
    pub dir: PathBuf,
    /// Whether it is there; where it is not, everything in it is gone.
    pub present: bool,
    /// The root that holds `dir`: a known one where `dir` lies inside it, else `dir` itself.
    pub root: RootId,
    /// Where the root is.
    pub root_dir: PathBuf,
    /// Older roots inside this one: their files move to it.
    pub nested: Vec<(RootId, PathBuf)>,
}

impl Scope {
    /// Resolves `dir` against the roots of the library, and notes a new root where none holds it. A directory that is
    /// gone is accepted only with `prune`, and only where a root holds it.
    pub fn resolve(writer: &mut LibraryWriter, dir: &Path, prune: bool) -> Result<Self, IngestError> {
        let open_error = |source| IngestError::Open {
            path: dir.to_path_buf(),
            source,
        };
        let roots = writer.library().roots()?;
        let holder_of = |dir: &Path| roots.iter().find(|(_, root)| dir.starts_with(root)).cloned();
        let (dir, present, holder) = match dir.canonicalize() {
            Ok(found) if !found.is_dir() => return Err(IngestError::NotADirectory(found)),
            Ok(found) => {
                let holder = holder_of(&found);
                (found, true, holder)
            }
            Err(error) => {
                let lost = std::path::absolute(dir).map_err(open_error)?;
                match holder_of(&lost) {
                    Some(holder) if prune => (lost, false, Some(holder)),
                    _ => return Err(open_error(error)),
                }
            }
        };
        let (root, root_dir) = match holder {
            Some(holder) => holder,
            None => (writer.add_root(&dir)?, dir.clone()),
        };
        let nested = roots
            .into_iter()
            .filter(|(id, path)| *id != root && path.starts_with(&dir))
            .collect();
        Ok(Self {
            dir,
            present,
            root,
            root_dir,
            nested,
        })
    }

    /// A file's path as the library stores it: relative to the root.
    pub fn relative(&self, file: &Path) -> Result<Vec<u8>, LibraryError> {
        path_to_bytes(file.strip_prefix(&self.root_dir).unwrap_or(file))
    }
}
