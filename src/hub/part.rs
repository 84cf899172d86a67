use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What is here of a file that is being fetched, with the hash of it. It survives the process and is taken up again.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    len: u64,
}

impl Part {
    /// That of the content whose place is `blob`: what an earlier download left, or nothing.
    pub fn open(blob: &Path) -> io::Result<Self> {
        let path = blob.with_added_extension("part");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let mut hash = Sha256::new();
        let mut len = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            hash.update(bytes);
            len += read as u64;
        }
        Ok(Self { path, file, hash, len })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are here.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds the bytes that come next.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what is here.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.hash.reset();
        self.len = 0;
        Ok(())
    }

    /// Whether what is here is the content that the hub calls `etag`. The etag of a large file is its SHA-256; of small
    /// ones it says nothing that can be checked.
    pub fn is(&self, etag: &str) -> bool {
        let sha256 = etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        !sha256 || hex(&self.hash.clone().finalize()).eq_ignore_ascii_case(etag)
    }

    /// Puts the whole file to its place, on the disk before under its name.
    pub fn finish(self, blob: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, blob)
    }

    /// Removes the file.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_part_is_taken_up_again_with_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let blob = dir.path().join("e.tag");
        let mut part = Part::open(&blob).unwrap();
        part.append(b"ab").unwrap();
        drop(part);

        let mut part = Part::open(&blob).unwrap();
        assert_eq!((part.len(), part.is(ABC)), (2, false));
        part.append(b"c").unwrap();
        assert!(part.is(ABC) && part.is(&ABC.to_uppercase()));
        assert!(part.is("0123"), "no SHA-256, nothing to compare");
        part.finish(&blob).unwrap();
        assert_eq!(fs::read(&blob).unwrap(), b"abc");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_part_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut part = Part::open(&dir.path().join("blob")).unwrap();
        part.append(b"wrong").unwrap();
        part.restart().unwrap();
        part.append(b"abc").unwrap();
        assert!(part.is(ABC));
        assert_eq!(fs::read(part.path()).unwrap(), b"abc");
        part.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
