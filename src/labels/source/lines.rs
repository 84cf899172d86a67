//! Text files of the user's, line by line: what is no such file is refused before memory runs out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::syntax;
use crate::labels::LabelError;

/// Longest line, and longest row of a table whose fields go over several lines, in bytes: one label, with all that is known
/// of it.
pub(super) const MAX_LINE_BYTES: usize = 64 << 10;

/// The text of a file, whose lines may have [`MAX_LINE_BYTES`].
///
/// # Errors
/// The file cannot be read, is not UTF-8, or has a longer line.
pub(in crate::labels) fn read_text(path: &Path) -> Result<String, LabelError> {
    let failed = |source| LabelError::Read {
        path: PathBuf::from(path),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let (mut text, mut line) = (String::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let most = MAX_LINE_BYTES as u64 + 1;
        file.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            break;
        }
        let name = || path.display().to_string();
        if line.len() > MAX_LINE_BYTES {
            return Err(too_long(&name(), number));
        }
        let valid = str::from_utf8(&line).map_err(|_| syntax(&name(), number, "not UTF-8; save the file as UTF-8"))?;
        text.push_str(valid);
    }
    Ok(text)
}

/// `file` is what messages call the source.
pub(super) fn too_long(file: &str, line: u64) -> LabelError {
    let message = format!("longer than {MAX_LINE_BYTES} bytes, which no label is; a label file has one label a line");
    syntax(file, line, message)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(content: &[u8]) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        fs::write(&path, content).unwrap();
        read_text(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn every_line_may_have_its_length() {
        let line = "x".repeat(MAX_LINE_BYTES - 1) + "\n";
        let text = line.repeat(3) + "\r\nend";
        assert_eq!(read(text.as_bytes()).unwrap(), text);
        assert_eq!(read(b"").unwrap(), "");
        let error = read(format!("cat\nx{line}").as_bytes()).unwrap_err();
        assert!(error.contains("line 2") && error.contains("65536 bytes"), "{error}");
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused() {
        let latin = read(b"cat\nd\xf6g\n").unwrap_err();
        assert!(latin.contains("line 2") && latin.contains("UTF-8"), "{latin}");
    }
}
