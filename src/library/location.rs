//! Where libraries live, and how the directories of photographs are written down in them.

use std::path::{Component, Path, PathBuf};

use etcetera::BaseStrategy;

use super::LibraryError;

/// The library that is used where none is named: `clipdex` in the user's data directory (XDG base directories).
///
/// # Errors
/// The user has no home directory.
pub fn default_library_dir() -> Result<PathBuf, LibraryError> {
    let dirs = etcetera::choose_base_strategy().map_err(|_| LibraryError::NoHome)?;
    Ok(dirs.data_dir().join("clipdex"))
}

const ABSOLUTE: u8 = b'A';
const RELATIVE: u8 = b'R';

/// How a root is stored: relative to the library where the library lies inside the root, so that the two can be moved
/// or mounted elsewhere together; absolute otherwise. Both paths must be absolute.
pub(super) fn encode_root(root: &Path, library: &Path) -> Result<Vec<u8>, LibraryError> {
    let (tag, path) = match library.strip_prefix(root) {
        Ok(inside) => (RELATIVE, inside.components().map(|_| Component::ParentDir).collect()),
        Err(_) => (ABSOLUTE, root.to_path_buf()),
    };
    let mut location = vec![tag];
    location.extend(path_to_bytes(&path)?);
    Ok(location)
}

/// Where a root is, as it is stored, for the place where the library lies now.
///
/// # Errors
/// The stored location is damaged.
pub fn root_dir(location: &[u8], library: &Path) -> Result<PathBuf, LibraryError> {
    match location.split_first() {
        Some((&ABSOLUTE, path)) => bytes_to_path(path),
        Some((&RELATIVE, path)) => {
            let levels = bytes_to_path(path)?.components().count();
            let root = library.ancestors().nth(levels).ok_or(LibraryError::Record("root"))?;
            Ok(root.to_path_buf())
        }
        _ => Err(LibraryError::Record("root")),
    }
}

/// A path as the library stores it: the bytes that the system uses, whether or not they are UTF-8.
#[cfg(unix)]
pub fn path_to_bytes(path: &Path) -> Result<Vec<u8>, LibraryError> {
    use std::os::unix::ffi::OsStrExt;
    Ok(path.as_os_str().as_bytes().to_vec())
}

/// The inverse of [`path_to_bytes`].
#[cfg(unix)]
pub fn bytes_to_path(bytes: &[u8]) -> Result<PathBuf, LibraryError> {
    use std::os::unix::ffi::OsStrExt;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

/// A path as the library stores it: UTF-8.
#[cfg(not(unix))]
pub fn path_to_bytes(path: &Path) -> Result<Vec<u8>, LibraryError> {
    let text = path
        .to_str()
        .ok_or_else(|| LibraryError::PathNotUnicode(path.to_path_buf()))?;
    Ok(text.as_bytes().to_vec())
}

/// The inverse of [`path_to_bytes`].
#[cfg(not(unix))]
pub fn bytes_to_path(bytes: &[u8]) -> Result<PathBuf, LibraryError> {
    str::from_utf8(bytes)
        .map(PathBuf::from)
        .map_err(|_| LibraryError::Record("path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_inside_its_root_moves_with_it() {
        let stored = encode_root(Path::new("/photos"), Path::new("/photos/a/.clipdex")).unwrap();
        let moved = root_dir(&stored, Path::new("/mnt/nas/photos/a/.clipdex")).unwrap();
        assert_eq!(moved, Path::new("/mnt/nas/photos"));
    }

    #[test]
    fn other_roots_stay_where_they_are() {
        let stored = encode_root(Path::new("/photos"), Path::new("/home/u/.local/share/clipdex")).unwrap();
        assert_eq!(
            root_dir(&stored, Path::new("/elsewhere")).unwrap(),
            Path::new("/photos")
        );
    }

    #[test]
    fn damaged_records_are_errors() {
        assert!(root_dir(b"", Path::new("/l")).is_err());
        assert!(root_dir(b"R../../..", Path::new("/l")).is_err());
        assert!(root_dir(b"X", Path::new("/l")).is_err());
    }
}
