//! Names from outside, made safe for a terminal.

use std::fmt::{Display, Write};
use std::path::Path;

/// The text without anything that steers a terminal or reorders what is shown: such characters become escapes.
pub(in crate::cli) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push_plain(c, &mut shown));
    shown
}

/// Appends text as [`plain`] gives it, but with what ends lines and separates fields in the formats for programs.
pub(super) fn plain_line(text: &str, shown: &mut String) {
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\0' => shown.push(c),
            c => push_plain(c, shown),
        }
    }
}

fn push_plain(c: char, shown: &mut String) {
    if c.is_control() || reorders(c) {
        shown.extend(c.escape_default());
    } else {
        shown.push(c);
    }
}

/// A path, made safe as by [`plain`]; bytes that are not text become `\xNN`.
pub(in crate::cli) fn plain_path(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        shown.push_str(&plain(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A path as people want it: relative where it lies below the current directory.
pub(in crate::cli) fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let relative = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    plain_path(relative.unwrap_or(path))
}

/// Bidirectional controls (Unicode Standard Annex 9) and the line separators that terminals may obey.
fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// So many of `what`, which is a word for one that takes an s.
pub(in crate::cli) fn counted(count: impl Copy + Display + From<u8> + PartialEq, what: &str) -> String {
    if count == 1.into() {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_as_it_is() {
        assert_eq!(plain("Grüße 강아지.jpg"), "Grüße 강아지.jpg");
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(plain("a\nb\x1b[31m\u{202e}gpj"), "a\\nb\\u{1b}[31m\\u{202e}gpj");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1_usize, "problem"), "1 problem");
        assert_eq!(counted(0_u64, "label"), "0 labels");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_shown() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xff.jpg"));
        assert_eq!(plain_path(path), "a\\xff.jpg");
    }
}
