use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::output::write_json;
use crate::encoder::{ModelInfo, default_model, models};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    family: String,
    dim: usize,
    image_size: usize,
    size_bytes: u64,
    licence: &'static str,
    imagenet_top1: Option<f32>,
    imagenet_source: Option<&'static str>,
    note: &'static str,
    hub: Option<&'static str>,
    built_in: bool,
    /// Whether it can be used without being fetched.
    present: bool,
    /// Whether it is what a new library is made with.
    default: bool,
}

impl Row {
    fn new(info: &ModelInfo, default: &str) -> Self {
        Self {
            name: info.name,
            family: info.family.to_string(),
            dim: info.dim,
            image_size: info.image_size,
            size_bytes: info.size_bytes,
            licence: info.licence,
            imagenet_top1: info.accuracy.map(|accuracy| accuracy.top1),
            imagenet_source: info.accuracy.map(|accuracy| accuracy.source),
            note: info.note,
            hub: info.hub,
            built_in: info.built_in(),
            present: info.on_this_machine(),
            default: info.name == default,
        }
    }

    fn place(&self) -> &'static str {
        match (self.built_in, self.present) {
            (true, _) => "built in",
            (_, true) => "on this machine",
            _ => "to be fetched",
        }
    }
}

pub(super) fn list(json: bool, out: &mut dyn Write) -> Result<()> {
    let default = default_model();
    let rows: Vec<_> = models().iter().map(|info| Row::new(info, default)).collect();
    if json {
        write_json(out, &rows)?;
        return Ok(());
    }
    let name = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    writeln!(
        out,
        "{:name$}  {:7}  {:>4}  {:>5}  {:>9}  {:>8}  {:12}  where",
        "name", "family", "dim", "input", "size", "ImageNet", "licence"
    )?;
    for row in &rows {
        let accuracy = row.imagenet_top1.map_or("-".to_owned(), |top1| format!("{top1:.1} %"));
        let size = format!("{:.0} MB", row.size_bytes as f64 / 1e6);
        writeln!(
            out,
            "{:name$}  {:7}  {:>4}  {:>5}  {size:>9}  {accuracy:>8}  {:12}  {}",
            row.name,
            row.family,
            row.dim,
            row.image_size,
            row.licence,
            row.place()
        )?;
        for line in lines(row.note) {
            writeln!(out, "    {line}")?;
        }
    }
    writeln!(
        out,
        "\nImageNet: published zero-shot accuracy, the right class first of 1,000; --json says where it was published.\n\
         Fetch a model with `clipdex models pull NAME`."
    )?;
    Ok(())
}

/// A note in lines that fit below the table.
fn lines(note: &str) -> Vec<String> {
    const LONGEST: usize = 92;
    let mut lines = vec![String::new()];
    for word in note.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= LONGEST => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_broken_between_words() {
        let note = "word ".repeat(40);
        let lines = lines(note.trim_end());
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [89, 89, 19]);
        assert_eq!(lines.join(" "), note.trim_end());
    }
}
