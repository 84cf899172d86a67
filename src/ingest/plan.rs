//! What a run has to do: the walk compared with what the library knows.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clipdex_index::{FailureRecord, FileRecord, Index, ItemId, RootId};

use super::IngestError;
use super::scope::Scope;
use super::walk::{Candidate, Walk};
use crate::library::{FileState, bytes_to_path};

/// What the library knows of the files in a scope.
pub(super) struct Known {
    /// Under the root of the scope.
    own: Catalogue,
    /// Under older roots inside the scope.
    nested: Catalogue,
}

/// Files by their absolute paths.
#[derive(Default)]
struct Catalogue {
    /// Files that name a photograph.
    files: HashMap<PathBuf, FileRecord>,
    /// Files and directories that could not be read or decoded.
    failures: HashMap<PathBuf, FailureRecord>,
}

impl Known {
    pub fn read(index: &Index, scope: &Scope) -> Result<Self, IngestError> {
        let mut known = Self {
            own: Catalogue::default(),
            nested: Catalogue::default(),
        };
        known.own.add_files(index, scope.root, &scope.root_dir, &scope.dir)?;
        for (root, dir) in &scope.nested {
            known.nested.add_files(index, *root, dir, dir)?;
        }
        for entry in index.failures() {
            let (root, relative, record) = entry?;
            let nested = scope.nested.iter().find(|(id, _)| *id == root);
            let (catalogue, root_dir) = match nested {
                Some((_, dir)) => (&mut known.nested, dir),
                None if root == scope.root => (&mut known.own, &scope.root_dir),
                None => continue,
            };
            let path = root_dir.join(bytes_to_path(&relative)?);
            if path.starts_with(&scope.dir) {
                catalogue.failures.insert(path, record);
            }
        }
        Ok(known)
    }

    /// What the library has of a file, under the root of the scope or an older one inside it.
    pub fn file(&self, path: &Path) -> Option<&FileRecord> {
        self.own.files.get(path).or_else(|| self.nested.files.get(path))
    }

    /// Refuses where the scope, or an older root inside it, shows nothing and is known to have shown something.
    pub fn check_emptied(&self, walk: &Walk, scope: &Scope) -> Result<(), IngestError> {
        let older = scope.nested.iter().map(|(_, dir)| (dir, &self.nested));
        for (dir, catalogue) in [(&scope.dir, &self.own)].into_iter().chain(older) {
            let inside = |path: &Path| path.starts_with(dir);
            let known = catalogue.files.keys().filter(|path| inside(path)).count();
            if known > 0 && !walk.candidates.iter().any(|candidate| inside(&candidate.path)) {
                let path = dir.clone();
                return Err(IngestError::Emptied { path, known });
            }
        }
        Ok(())
    }
}

impl Catalogue {
    /// Adds the files of a root that lie below `dir`.
    fn add_files(&mut self, index: &Index, root: RootId, root_dir: &Path, dir: &Path) -> Result<(), IngestError> {
        for entry in index.files(root) {
            let (relative, record) = entry?;
            let path = root_dir.join(bytes_to_path(&relative)?);
            if path.starts_with(dir) {
                self.files.insert(path, record);
            }
        }
        Ok(())
    }

    /// The photograph of a file that is as it was.
    fn unchanged(&self, candidate: &Candidate) -> Option<&FileRecord> {
        let record = self.files.get(&candidate.path);
        record.filter(|record| FileState::recorded(record) == candidate.state)
    }

    /// The failure of a file that is as it was, and will fail again.
    fn still_fails(&self, candidate: &Candidate) -> Option<&FailureRecord> {
        let record = self.failures.get(&candidate.path);
        record.filter(|record| !record.transient && FileState::failed(record) == candidate.state)
    }
}

/// The work of one run.
#[derive(Default)]
pub(super) struct Plan {
    /// Files to read: new, changed, or worth another try.
    pub read: Vec<Candidate>,
    /// Files that move here from an older root: unchanged ones, those that the walk could not look at, and changed ones,
    /// which keep their photograph until they have been read.
    pub carried: Vec<(PathBuf, FileRecord)>,
    /// Failures that move here from an older root, of files that have not changed.
    pub carried_failures: Vec<(PathBuf, FailureRecord)>,
    /// What is to be forgotten in the end.
    pub gone: Gone,
    /// Number of files that stay as they are.
    pub unchanged: u64,
    /// Number of files that failed before and have not changed since.
    pub failed_before: u64,
}

/// What is to be forgotten.
#[derive(Default)]
pub(super) struct Gone {
    /// Files that the library knows and that are gone, each with its photograph.
    pub files: Vec<(PathBuf, ItemId)>,
    /// The same of files under older roots.
    pub nested: Vec<(PathBuf, ItemId)>,
    /// Failures of files that are gone, or well again.
    pub failures: Vec<PathBuf>,
}

impl Plan {
    pub fn new(walk: &Walk, known: &Known, retry_failed: bool) -> Self {
        let mut plan = Self::default();
        let mut seen = HashSet::new();
        for candidate in &walk.candidates {
            seen.insert(candidate.path.as_path());
            plan.add(candidate, known, retry_failed);
        }
        let is_gone = |path: &Path| !seen.contains(path) && walk.covers(path);
        for (path, record) in &known.own.files {
            if is_gone(path) {
                plan.gone.files.push((path.clone(), record.item));
            }
        }
        for path in known.own.failures.keys() {
            if is_gone(path) {
                plan.gone.failures.push(path.clone());
            }
        }
        for (path, record) in &known.nested.files {
            if is_gone(path) {
                plan.gone.nested.push((path.clone(), record.item));
            } else if !seen.contains(path.as_path()) {
                plan.unchanged += 1;
                plan.carried.push((path.clone(), record.clone()));
            }
        }
        plan
    }

    fn add(&mut self, candidate: &Candidate, known: &Known, retry_failed: bool) {
        let Known { own, nested } = known;
        let path = &candidate.path;
        if own.unchanged(candidate).is_some() {
            self.unchanged += 1;
            if own.failures.contains_key(path) {
                self.gone.failures.push(path.clone());
            }
        } else if let Some(record) = nested.unchanged(candidate) {
            self.unchanged += 1;
            self.carried.push((path.clone(), record.clone()));
        } else if retry_failed {
            self.read(candidate, known);
        } else if own.still_fails(candidate).is_some() {
            self.failed_before += 1;
        } else if let Some(failure) = nested.still_fails(candidate) {
            self.failed_before += 1;
            self.carried_failures.push((path.clone(), failure.clone()));
        } else {
            self.read(candidate, known);
        }
    }

    fn read(&mut self, candidate: &Candidate, Known { own, nested }: &Known) {
        let path = &candidate.path;
        if !own.files.contains_key(path)
            && let Some(record) = nested.files.get(path)
        {
            self.carried.push((path.clone(), record.clone()));
        }
        self.read.push(candidate.clone());
    }
}

#[cfg(test)]
mod tests;
