//! Standard output, where results go.

use std::error::Error;
use std::io::{self, BufWriter, IsTerminal, Write};

use thiserror::Error;

use super::terminal::Terminal;

/// Standard output, buffered. Its errors say that it is what could not be written, and where it is a terminal nothing that
/// is written steers it.
pub(in crate::cli) struct StandardOutput(BufWriter<Box<dyn Write>>);

/// Standard output cannot be written.
#[derive(Debug, Error)]
#[error("cannot write standard output: {0}")]
struct OutputError(io::Error);

impl StandardOutput {
    /// Of this process; nobody else can write to it meanwhile.
    pub fn lock() -> Self {
        let stdout = io::stdout().lock();
        Self(BufWriter::new(if stdout.is_terminal() {
            Box::new(Terminal::new(stdout))
        } else {
            Box::new(stdout)
        }))
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

fn named(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), OutputError(error))
}

/// Whether whoever reads standard output has enough of it, as `head` does.
pub(in crate::cli) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    output_error(error.as_ref()).is_some_and(|OutputError(error)| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The failure of standard output that an error comes from. What wraps an [`io::Error`] does not always name it as its
/// source.
fn output_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e OutputError> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return output_error(error.get_ref()?);
    }
    match error.downcast_ref().map(csv::Error::kind) {
        Some(csv::ErrorKind::Io(error)) => output_error(error),
        _ => output_error(error.source()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: io::ErrorKind) -> io::Error {
        named(kind.into())
    }

    #[test]
    fn a_closed_pipe_is_known_through_what_wraps_it() {
        let pipe = || failed(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&pipe().into()));
        assert!(is_broken_pipe(&anyhow::Error::from(pipe()).context("a table")));
        assert!(is_broken_pipe(&csv::Error::from(pipe()).into()));
        assert!(is_broken_pipe(&io::Error::from(csv::Error::from(pipe())).into()));
        assert!(is_broken_pipe(&io::Error::from(serde_json::Error::io(pipe())).into()));
    }

    #[test]
    fn other_failures_are_none() {
        assert!(!is_broken_pipe(&failed(io::ErrorKind::StorageFull).into()));
        let elsewhere = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(!is_broken_pipe(&elsewhere.into()), "a connection that was cut off");
    }

    #[test]
    fn the_message_says_what_cannot_be_written() {
        let error = csv::Error::from(failed(io::ErrorKind::StorageFull)).to_string();
        assert!(error.starts_with("cannot write standard output: "), "{error}");
    }
}
