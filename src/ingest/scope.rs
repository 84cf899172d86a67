//! Which part of the library a run is about.

use std::path::{Path, PathBuf};

use clipdex_index::RootId;

use super::IngestError;
use crate::library::{Library, LibraryError, LibraryWriter, bytes_to_path, path_to_bytes};

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
    /// Whether that root was noted just now.
    pub is_new: bool,
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
                    Some((root, root_dir)) => {
                        let inside = lost.strip_prefix(&root_dir).unwrap_or(&lost);
                        return Err(match known_below(writer.library(), root, inside)? {
                            0 if lost == root_dir => IngestError::Gone(lost),
                            0 => open_error(error),
                            known => IngestError::Emptied { path: lost, known },
                        });
                    }
                    None => return Err(open_error(error)),
                }
            }
        };
        let is_new = holder.is_none();
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
            is_new,
            nested,
        })
    }

    /// A file's path as the library stores it: relative to the root.
    pub fn relative(&self, file: &Path) -> Result<Vec<u8>, LibraryError> {
        path_to_bytes(file.strip_prefix(&self.root_dir).unwrap_or(file))
    }
}

/// Number of files that the library has of a root below a directory of it, which is relative to the root.
fn known_below(library: &Library, root: RootId, dir: &Path) -> Result<usize, IngestError> {
    let mut known = 0;
    for file in library.index().files(root) {
        let (relative, _) = file?;
        known += usize::from(bytes_to_path(&relative)?.starts_with(dir));
    }
    Ok(known)
}
