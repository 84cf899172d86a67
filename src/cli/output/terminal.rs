//! A terminal as a place for output that is made for programs.

use std::io::{self, Write};

use super::plain::plain_line;

/// Passes text on to a terminal, made safe as by [`plain`](super::plain), but for the ends of lines and what else separates
/// fields. Bytes that are not text become `\xNN`.
pub(super) struct Terminal<W> {
    inner: W,
    /// The beginning of a character whose end is still to come.
    begun: Vec<u8>,
}

impl<W: Write> Terminal<W> {
    pub fn new(inner: W) -> Self {
        let begun = Vec::new();
        Self { inner, begun }
    }
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let whole = whole(&self.begun);
        let later = self.begun.split_off(whole);
        let shown = shown(&self.begun);
        self.begun = later;
        self.inner.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let shown = shown(&std::mem::take(&mut self.begun));
        self.inner.write_all(shown.as_bytes())?;
        self.inner.flush()
    }
}

/// How many of the bytes end with a whole character, or with what begins none.
fn whole(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last();
    let begun = last.map_or(0, |chunk| match str::from_utf8(chunk.invalid()) {
        Err(error) if error.error_len().is_none() => chunk.invalid().len(),
        _ => 0,
    });
    bytes.len() - begun
}

fn shown(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        plain_line(chunk.valid(), &mut shown);
        shown.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut terminal = Terminal::new(&mut out);
        pieces.iter().for_each(|piece| terminal.write_all(piece).unwrap());
        terminal.flush().unwrap();
        drop(terminal);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_steers_a_terminal() {
        let table = "a\tb\nc\0d\r\n";
        assert_eq!(
            through(&[b"a\x1b[2J,", table.as_bytes()]),
            "a\\u{1b}[2J,a\tb\nc\0d\\r\n"
        );
        assert_eq!(through(&["\u{202e}gpj.jpg\n".as_bytes()]), "\\u{202e}gpj.jpg\n");
    }

    #[test]
    fn characters_may_come_in_pieces() {
        let text = "Grüße 강아지\n";
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(through(&pieces), text);
        assert_eq!(through(&[b"a\xff.jpg ", b"\xea\xb0"]), "a\\xff.jpg \\xea\\xb0");
        assert_eq!(through(&[b"\xea\xb0", b"x"]), "\\xea\\xb0x");
    }
}
