//! Where derived files of models lie: what is made of a model's files once, so that later starts need not do it again.
//!
//! Every such file can be made anew. So nothing that goes wrong here is an error, and what is read is to be checked.

#![allow(unsafe_code, reason = "memory mapping")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use etcetera::BaseStrategy;
use memmap2::{Mmap, MmapOptions};

/// The directory, unless `CLIPDEX_CACHE` names another: this one in the user's cache directory (XDG base directories).
const NAME: &str = "clipdex";

/// A directory of derived files, or none.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    dir: Option<PathBuf>,
}

impl Cache {
    /// The user's; none where the user has no home directory, and none in unit tests, which leave nothing behind.
    pub(super) fn of_user() -> Self {
        if cfg!(test) {
            return Self::default();
        }
        let users = || Some(etcetera::choose_base_strategy().ok()?.cache_dir());
        Self {
            dir: directory(std::env::var_os("CLIPDEX_CACHE"), users),
        }
    }

    /// One of a test's.
    #[cfg(test)]
    pub(super) fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()) }
    }

    /// Maps the file `name`, a relative path; none where it cannot be read.
    pub(super) fn map(&self, name: &str) -> Option<Mmap> {
        let file = File::open(self.dir.as_ref()?.join(name)).ok()?;
        // SAFETY: the map is only read, and every value of its bytes is valid. A file has its name only once it is
        // complete, and is replaced by renaming, which leaves the mapped one as it was.
        unsafe { Mmap::map(&file) }.ok()
    }

    /// Writes the file `name`, a relative path, under another name first: nobody sees a part of it. It is not synced, since
    /// readers check what they read.
    ///
    /// # Errors
    /// The system's; then there is no new file. Without a directory nothing is written.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(mut file) = self.create(name)? else {
            return Ok(());
        };
        file.append(bytes)?;
        file.finish()
    }

    /// Begins the file `name`, a relative path, which nobody sees before it is finished; none without a directory.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn create(&self, name: &str) -> io::Result<Option<NewFile>> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let Some(dir) = &self.dir else { return Ok(None) };
        let path = dir.join(name);
        let unique = format!("{}-{}", std::process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
        let part = path.with_added_extension(unique).with_added_extension("part");
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        let file = File::options().read(true).write(true).create_new(true).open(&part)?;
        Ok(Some(NewFile {
            file,
            part: Some(part),
            path,
            length: 0,
        }))
    }

    /// Removes the file `name`, a relative path, where it is there.
    pub(super) fn remove(&self, name: &str) {
        if let Some(dir) = &self.dir {
            // What cannot be removed is refused again by the next reader.
            let _ = fs::remove_file(dir.join(name));
        }
    }
}

/// A file that is being written. Dropped before it is finished, it is gone.
pub(super) struct NewFile {
    file: File,
    part: Option<PathBuf>,
    path: PathBuf,
    length: u64,
}

impl NewFile {
    /// Appends `bytes`; where they begin.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let start = self.length;
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(start)
    }

    /// Bytes so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes `bytes` over the beginning.
    pub(super) fn begin_with(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(bytes)?;
        self.file.seek(SeekFrom::Start(self.length)).map(|_| ())
    }

    /// Maps a part that was written.
    pub(super) fn map(&self, start: u64, length: usize) -> io::Result<Mmap> {
        // SAFETY: as in `Cache::map`; what was appended is not written over, but for the beginning, which nobody maps.
        unsafe { MmapOptions::new().offset(start).len(length).map(&self.file) }
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> io::Result<()> {
        match self.part.take() {
            Some(part) => fs::rename(&part, &self.path).inspect_err(|_| {
                // What cannot be removed does no harm.
                let _ = fs::remove_file(&part);
            }),
            None => Ok(()),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = fs::remove_file(part);
        }
    }
}

/// `named`, unless it is missing or empty; else the place in the user's cache directory.
fn directory(named: Option<OsString>, users: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
    match named.filter(|named| !named.is_empty()) {
        Some(named) => Some(PathBuf::from(named)),
        None => Some(users()?.join(NAME)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_variable_goes_before_the_users_cache_directory() {
        let users = || Some(PathBuf::from("/home/u/.cache"));
        assert_eq!(directory(Some("/c".into()), users).unwrap(), Path::new("/c"));
        for unset in [None, Some(OsString::new())] {
            assert_eq!(directory(unset, users).unwrap(), Path::new("/home/u/.cache/clipdex"));
        }
        assert_eq!(directory(None, || None), None);
    }

    #[test]
    fn a_file_is_written_whole_and_replaced_under_its_readers() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().join("made"));
        assert!(cache.map("kind/a.tok").is_none());
        cache.write("kind/a.tok", b"first").unwrap();
        let first = cache.map("kind/a.tok").unwrap();
        cache.write("kind/a.tok", b"another").unwrap();
        let files = fs::read_dir(dir.path().join("made/kind")).unwrap();
        assert_eq!((&first[..], files.count()), (&b"first"[..], 1));
        assert_eq!(cache.map("kind/a.tok").unwrap()[..], b"another"[..]);
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_left() {
        assert!(Cache::default().write("a", b"").is_ok());
        assert!(Cache::default().map("a").is_none());
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), b"").unwrap();
        assert!(Cache::at(dir.path().join("file")).write("a", b"").is_err());
        fs::create_dir_all(dir.path().join("a/in the way")).unwrap();
        assert!(Cache::at(dir.path()).write("a", b"").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
