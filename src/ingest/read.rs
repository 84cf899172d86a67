//! Files whole, in the state in which they were read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::gate::{Gate, Permit};
use crate::library::FileState;
use crate::picture;

/// How often a file is read that changes meanwhile, and how long it is left alone between. Times of modification go in
/// steps (of up to 10 ms on Linux), so of a file that was just modified a further change might not show: it is left
/// alone for as long.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// The content of a file, and its part of the budget for such contents.
#[derive(Debug)]
pub(super) struct Content {
    /// As the file was before and after it was read.
    pub state: FileState,
    /// All of it.
    pub bytes: Vec<u8>,
    _permit: Permit,
}

/// Reads a whole file, as soon as `gate` has that much memory.
///
/// # Errors
/// As the system has it; `FileTooLarge` beyond [`picture::MAX_FILE_BYTES`], `InvalidInput` for what is no regular file, and
/// `ResourceBusy` where it changes again and again while it is read.
pub(super) fn read(path: &Path, gate: &Arc<Gate>) -> io::Result<Content> {
    steady(|| read_once(path, gate))
}

/// The first of a few attempts that gives something.
fn steady<T>(mut attempt: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    for number in 0..ATTEMPTS {
        if number > 0 {
            thread::sleep(PAUSE);
        }
        if let Some(read) = attempt()? {
            return Ok(read);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "it changes while it is read",
    ))
}

/// Reads a file; nothing where it changed meanwhile, so that half of its old and half of its new content may be there.
fn read_once(path: &Path, gate: &Arc<Gate>) -> io::Result<Option<Content>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let state = FileState::of(&metadata);
    picture::check_size(state.size)?;
    // A time that lies ahead is another computer's, whose clock says nothing here.
    let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age < PAUSE) {
        return Ok(None);
    }
    let permit = gate.take(state.size);
    let mut bytes = Vec::with_capacity(usize::try_from(state.size).unwrap_or(0));
    // A byte more than there was shows that the file has grown.
    (&mut file).take(state.size + 1).read_to_end(&mut bytes)?;
    let is_steady = FileState::of(&file.metadata()?) == state && bytes.len() as u64 == state.size;
    Ok(is_steady.then_some(Content {
        state,
        bytes,
        _permit: permit,
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn reads_what_is_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jpg");
        fs::write(&path, b"content").unwrap();
        let gate = Gate::new(3);
        let content = read(&path, &gate).unwrap();
        assert_eq!((content.bytes.as_slice(), content.state.size), (&b"content"[..], 7));
        drop(content);
        let kind = |path: &Path| read(path, &gate).unwrap_err().kind();
        assert_eq!(kind(dir.path()), io::ErrorKind::InvalidInput);
        assert_eq!(kind(&dir.path().join("none")), io::ErrorKind::NotFound);
        File::create(&path)
            .unwrap()
            .set_len(picture::MAX_FILE_BYTES + 1)
            .unwrap();
        assert_eq!(kind(&path), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_given_up_in_the_end() {
        let mut answers = [None, None, Some(7)].into_iter();
        assert_eq!(steady(|| Ok(answers.next().unwrap())).unwrap(), 7);
        let mut attempts = 0;
        let error = steady(|| {
            attempts += 1;
            Ok(None::<()>)
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(attempts, ATTEMPTS);
    }
}
