//! Photographs whose label their directory or file name tells.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Label, LabelError};
use crate::media;

/// Labelled photographs in a directory.
#[derive(Clone, Debug, Default)]
pub struct LabelledFiles {
    /// Each with the place of its label, those of a label one after another.
    pub files: Vec<(PathBuf, usize)>,
    /// Directories and files whose name is that of no label, or of several.
    pub unknown: Vec<PathBuf>,
}

impl LabelledFiles {
    /// Those in `dir`: photographs in a directory that is named as a label, by its identifier or a name that it alone has,
    /// with spaces or '_'; and photographs whose names begin with a label's identifier and '_', as ImageNet's do.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn find(dir: &Path, labels: &[Label]) -> Result<Self, LabelError> {
        let names = Names::of(labels);
        let mut found = Self::default();
        for path in entries(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                match names.find(&name) {
                    Some(label) => {
                        let photos = entries(&path)?.into_iter().filter(|file| media::is_photo_name(file));
                        found.files.extend(photos.map(|file| (file, label)));
                    }
                    None => found.unknown.push(path),
                }
            } else if media::is_photo_name(&path) {
                match name.split_once('_').and_then(|(id, _)| names.keys.get(id)) {
                    Some(label) => found.files.push((path, *label)),
                    None => found.unknown.push(path),
                }
            }
        }
        found.files.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        Ok(found)
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, LabelError> {
    let failed = |source| LabelError::Read {
        path: dir.to_owned(),
        source,
    };
    let entries = fs::read_dir(dir).map_err(failed)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Places of labels by what they are called.
struct Names<'a> {
    keys: HashMap<&'a str, usize>,
    /// None for a name that several labels have.
    names: HashMap<&'a str, Option<usize>>,
}

impl<'a> Names<'a> {
    fn of(labels: &'a [Label]) -> Self {
        let (mut keys, mut names) = (HashMap::new(), HashMap::new());
        for (place, label) in labels.iter().enumerate() {
            keys.insert(label.key(), place);
            names
                .entry(label.name.as_str())
                .and_modify(|name| *name = None)
                .or_insert(Some(place));
        }
        Self { keys, names }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let spaced = name.replace('_', " ");
        let by_name = |name: &str| self.names.get(name).copied().flatten();
        let by_key = self.keys.get(name).copied();
        by_key.or_else(|| by_name(name)).or_else(|| by_name(&spaced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_file_names_tell_labels() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            "red_fox/a.jpg",
            "red_fox/notes.txt",
            "n2/b.jpg",
            "crane/c.jpg",
            "n1_fox.jpg",
            "n9_ox.jpg",
            "readme.txt",
        ];
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let label = |id: &str, name: &str| Label {
            id: id.into(),
            ..Label::named(name)
        };
        let labels = [label("n1", "red fox"), label("n2", "crane"), label("n3", "crane")];
        let found = LabelledFiles::find(dir.path(), &labels).unwrap();
        let shown = |path: &Path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
        let files: Vec<_> = found.files.iter().map(|(path, label)| (shown(path), *label)).collect();
        let expected = [("n1_fox.jpg", 0), ("red_fox/a.jpg", 0), ("n2/b.jpg", 1)];
        assert_eq!(files, expected.map(|(path, label)| (path.to_owned(), label)));
        let unknown: Vec<_> = found.unknown.iter().map(|path| shown(path)).collect();
        assert_eq!(unknown, ["crane", "n9_ox.jpg"], "two labels are called crane");
        assert!(LabelledFiles::find(&dir.path().join("missing"), &labels).is_err());
    }
}
