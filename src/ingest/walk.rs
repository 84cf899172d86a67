//! Which files below a directory are candidates, and what state they are in.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::IngestError;
use crate::library::FileState;
use crate::media;

/// Name of the files that say, in gitignore's syntax, what not to index.
pub(super) const IGNORE_FILE: &str = ".clipdexignore";

/// A file that may be a photograph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Absolute path.
    pub path: PathBuf,
    /// What tells a changed file from an unchanged one.
    pub state: FileState,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Candidates in the order of their paths.
    pub candidates: Vec<Candidate>,
    /// Places that could not be read, and why: nothing is known of the files below them.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Walk {
    /// Whether the walk could have seen `path`: if so and it is no candidate, then it is gone.
    pub fn covers(&self, path: &Path) -> bool {
        !self.unreadable.iter().any(|(place, _)| path.starts_with(place))
    }
}

/// Walks `dir` recursively. Hidden files, what .clipdexignore files exclude, and `library` are left out; symbolic links
/// are not followed. Places that cannot be read are reported in the result and do not end the walk. `go_on` is told how many
/// candidates there are so far, again and again, and says whether to go on.
pub(super) fn walk(dir: &Path, library: &Path, go_on: &dyn Fn(usize) -> bool) -> Result<Walk, IngestError> {
    let library = library.to_path_buf();
    let entries = WalkBuilder::new(dir)
        .standard_filters(false)
        .hidden(true)
        .parents(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| entry.path() != library)
        .build();

    let mut walk = Walk::default();
    for entry in entries {
        if !go_on(walk.candidates.len()) {
            return Err(IngestError::Interrupted);
        }
        let found = entry.and_then(|entry| {
            let is_photo = entry.file_type().is_some_and(|kind| kind.is_file()) && media::is_photo_name(entry.path());
            if is_photo {
                Ok(Some((entry.metadata()?, entry.into_path())))
            } else {
                Ok(None)
            }
        });
        match found {
            Ok(Some((metadata, path))) => walk.candidates.push(Candidate {
                path,
                state: FileState::of(&metadata),
            }),
            Ok(None) => {}
            Err(error) => {
                let place = place_of(&error).unwrap_or(dir).to_path_buf();
                walk.unreadable.push((place, cause_of(&error)));
            }
        }
    }
    walk.candidates.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(walk)
}

fn place_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => place_of(err),
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::Partial(errors) => errors.iter().find_map(place_of),
        _ => None,
    }
}

fn cause_of(error: &ignore::Error) -> String {
    error.io_error().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(root: &Path, library: &Path) -> Vec<String> {
        let walk = walk(root, library, &|_| true).unwrap();
        assert!(walk.unreadable.is_empty());
        let relative = |candidate: &Candidate| {
            candidate
                .path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        walk.candidates.iter().map(relative).collect()
    }

    #[test]
    fn keeps_photographs_and_leaves_out_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for sub in ["a/b", ".hidden", "skip", "library"] {
            fs::create_dir_all(root.join(sub)).unwrap();
        }
        for file in [
            "z.JPG",
            "a/b/1.png",
            "a/notes.txt",
            ".hidden/2.png",
            "skip/3.png",
            "library/4.png",
            "a/old.gif",
        ] {
            fs::write(root.join(file), b"x").unwrap();
        }
        fs::write(root.join(IGNORE_FILE), "skip/\n*.gif\n").unwrap();
        assert_eq!(names(root, &root.join("library")), ["a/b/1.png", "z.JPG"]);
        assert_eq!(
            names(&root.join("a"), &root.join("library")),
            ["b/1.png"],
            "ignore files of parents count"
        );
    }

    #[cfg(unix)]
    #[test]
    fn does_not_follow_links() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.jpg"), b"x").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        std::os::unix::fs::symlink("a.jpg", dir.path().join("link.jpg")).unwrap();
        assert_eq!(names(dir.path(), Path::new("/none")), ["a.jpg"]);
    }

    #[test]
    fn a_place_that_is_missing_is_reported() {
        let walk = walk(Path::new("/no/such/place"), Path::new("/none"), &|_| true).unwrap();
        assert_eq!(walk.unreadable.len(), 1);
        assert!(!walk.covers(Path::new("/no/such/place/a.jpg")));
        assert!(walk.covers(Path::new("/other/a.jpg")));
    }
}
