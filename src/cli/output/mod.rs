//! How results are written: for people, or in formats whose fields stay.

mod duplicates;
mod hits;
mod labels;
mod plain;
mod predictions;
mod standard;
mod tags;
mod terminal;
mod texts;

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use serde::Serialize;

pub(super) use duplicates::DuplicateList;
pub(super) use hits::{HitList, QueryText};
pub(super) use labels::{LabelFormat, write_labels};
pub(super) use plain::{counted, plain, plain_path, shown_path};
pub(super) use predictions::{HierarchyAnswer, ImagePredictions, PredictionList};
pub(super) use standard::{StandardOutput, is_broken_pipe};
pub(super) use tags::{TagRows, TagSummary};
pub(super) use texts::TextList;

/// Version of the machine formats, in every document: it changes where a field changes its meaning or goes away.
pub(super) const SCHEMA: u32 = 1;

/// What to write. Without any of these: a table for people.
#[derive(Args, Clone, Copy, Default)]
#[group(multiple = false)]
pub(super) struct FormatArgs {
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// One JSON object a line, a line a result
    #[arg(long)]
    jsonl: bool,
    /// Comma-separated values with a header
    #[arg(long)]
    csv: bool,
}

/// The formats for programs that want files alone.
#[derive(Args, Clone, Copy, Default)]
#[group(multiple = false, conflicts_with = "FormatArgs")]
pub(super) struct PathArgs {
    /// Paths alone, a line each
    #[arg(long)]
    paths: bool,
    /// Paths alone, each ended by a NUL byte, for `xargs -0`
    #[arg(short = '0', long = "null")]
    null: bool,
}

/// A way to write results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    JsonLines,
    Csv,
    Paths,
    PathsNul,
}

impl FormatArgs {
    pub fn format(self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { jsonl: true, .. } => Format::JsonLines,
            Self { csv: true, .. } => Format::Csv,
            _ => Format::Table,
        }
    }

    /// The format, where paths alone are on offer too.
    pub fn or_paths(self, paths: PathArgs) -> Format {
        match paths {
            PathArgs { paths: true, .. } => Format::Paths,
            PathArgs { null: true, .. } => Format::PathsNul,
            _ => self.format(),
        }
    }
}

/// A path in a JSON document: text, with U+FFFD for what is not, and then the bytes in hexadecimal beside it.
#[derive(Serialize)]
pub(super) struct PathField {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl PathField {
    pub fn new(path: &Path) -> Self {
        let hex = || {
            path.as_os_str()
                .as_encoded_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex: path.to_str().is_none().then(hex),
        }
    }
}

/// Writes a JSON document and ends the line.
pub(super) fn write_json(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}

/// Writes a JSON document whose first field is the version of the format.
pub(super) fn write_document(out: &mut dyn Write, fields: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a, T> {
        schema: u32,
        #[serde(flatten)]
        fields: &'a T,
    }
    write_json(out, &Document { schema: SCHEMA, fields })
}

/// Writes one line of JSON.
pub(super) fn write_json_line(out: &mut dyn Write, row: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, row)?;
    writeln!(out)
}
