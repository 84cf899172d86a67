//! What a run has to do: the walk compared with what the library knows.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use clipdex_index::{FailureRecord, FileRecord, Index};

use super::IngestError;
use super::scope::Scope;
use super::walk::{Candidate, Walk};
use crate::library::{FileState, bytes_to_path};

/// What the library knows of the files in a scope, by absolute path.
pub(super) struct Known {
    /// Files that name a photograph.
    pub files: HashMap<PathBuf, FileRecord>,
    /// Files of older roots inside the scope.
    nested_files: HashMap<PathBuf, FileRecord>,
    /// Files and directories that could not be read or decoded.
    failures: HashMap<PathBuf, FailureRecord>,
}

impl Known {
    pub fn read(index: &Index, scope: &Scope) -> Result<Self, IngestError> {
        let mut known = Self {
            files: HashMap::new(),
            nested_files: HashMap::new(),
            failures: HashMap::new(),
        };
        for entry in index.files(scope.root) {
            let (relative, record) = entry?;
            let path = scope.root_dir.join(bytes_to_path(&relative)?);
            if path.starts_with(&scope.dir) {
                known.files.insert(path, record);
            }
        }
        for (root, dir) in &scope.nested {
            for entry in index.files(*root) {
                let (relative, record) = entry?;
                known.nested_files.insert(dir.join(bytes_to_path(&relative)?), record);
            }
        }
        for entry in index.failures() {
            let (root, relative, record) = entry?;
            if root != scope.root {
                continue;
            }
            let path = scope.root_dir.join(bytes_to_path(&relative)?);
            if path.starts_with(&scope.dir) {
                known.failures.insert(path, record);
            }
        }
        Ok(known)
    }
}

/// The work of one run.
#[derive(Default)]
pub(super) struct Plan {
    /// Files to read: new, changed, or worth another try.
    pub read: Vec<Candidate>,
    /// Files that move here from an older root as they are: unchanged ones, and those that the walk could not look at.
    pub carried: Vec<(PathBuf, FileRecord)>,
    /// Files that the library knows and that are gone.
    pub gone: HashSet<PathBuf>,
    /// Failures of files that are gone.
    pub mended: Vec<PathBuf>,
    /// Number of files that stay as they are.
    pub unchanged: u64,
    /// Number of files that failed before and have not changed since.
    pub failed_before: u64,
}

impl Plan {
    pub fn new(walk: &Walk, known: &Known) -> Self {
        let mut plan = Self::default();
        let mut seen = HashSet::new();
        for candidate in &walk.candidates {
            seen.insert(&candidate.path);
            plan.add(candidate, known);
        }
        let unseen = |path: &PathBuf| !seen.contains(path) && !walk.covers(path);
        let hidden = known.nested_files.iter().filter(|(path, _)| unseen(path));
        plan.carried
            .extend(hidden.map(|(path, record)| (path.clone(), record.clone())));
        let is_gone = |path: &PathBuf| !seen.contains(path) && walk.covers(path);
        plan.gone = known.files.keys().filter(|path| is_gone(path)).cloned().collect();
        plan.mended = known.failures.keys().filter(|path| is_gone(path)).cloned().collect();
        plan
    }

    fn add(&mut self, candidate: &Candidate, known: &Known) {
        let path = &candidate.path;
        let failure = known.failures.get(path);
        if known
            .files
            .get(path)
            .is_some_and(|record| FileState::recorded(record) == candidate.state)
        {
            self.unchanged += 1;
        } else if failure.is_some_and(|failure| !failure.transient && failed_state(failure) == candidate.state) {
            self.failed_before += 1;
        } else if let Some(record) = known
            .nested_files
            .get(path)
            .filter(|record| FileState::recorded(record) == candidate.state)
        {
            self.carried.push((path.clone(), record.clone()));
        } else {
            self.read.push(candidate.clone());
        }
    }
}

fn failed_state(failure: &FailureRecord) -> FileState {
    FileState {
        size: failure.size,
        mtime_ns: failure.mtime_ns,
    }
}

#[cfg(test)]
mod tests {
    use clipdex_index::SpaceId;

    use super::*;

    #[test]
    fn what_an_older_root_has_in_a_place_that_cannot_be_read_moves_along() {
        let record = FileRecord {
            space: SpaceId(0),
            item: 1,
            size: 10,
            mtime_ns: 20,
            hash: [3; 32],
        };
        let files = ["/photos/old/locked/a.jpg", "/photos/old/gone.jpg"].map(|path| (path.into(), record.clone()));
        let known = Known {
            files: HashMap::new(),
            nested_files: files.into(),
            failures: HashMap::new(),
        };
        let walk = Walk {
            unreadable: vec![("/photos/old/locked".into(), "permission denied".into())],
            ..Walk::default()
        };
        let plan = Plan::new(&walk, &known);
        assert_eq!(plan.carried, [("/photos/old/locked/a.jpg".into(), record)]);
    }
}
