//! Photographs that are copies of one another.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{PathField, SCHEMA, shown_path, write_json};
use crate::duplicates::{DuplicatePhoto, Duplicates};

/// Groups of copies, best one first.
pub(in crate::cli) struct DuplicateList<'a>(pub &'a [Duplicates]);

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    /// `exact` where all files have the same content, else `near`.
    kind: &'a str,
    photos: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    path: PathField,
    format: &'a str,
    width: u32,
    height: u32,
    bytes: u64,
    similarity: f32,
    distance: u32,
    copies: Vec<PathField>,
}

impl DuplicateList<'_> {
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let groups = self.0.iter().map(|group| Group {
            kind: if group.photos.len() == 1 { "exact" } else { "near" },
            photos: group.photos.iter().filter_map(Row::new).collect(),
        });
        let groups = groups.collect();
        write_json(out, &Document { schema: SCHEMA, groups })
    }

    /// A block of lines a group.
    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (number, group) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            for (rank, photo) in group.photos.iter().enumerate() {
                let (Some(file), copies) = split(photo) else { continue };
                let note = if rank == 0 {
                    "best".to_owned()
                } else {
                    format!("{:.3}", photo.similarity)
                };
                let kilobytes = photo.bytes.div_ceil(1000);
                let known = &photo.photo;
                writeln!(
                    out,
                    "{note:>5}  {}  ({} x {} {}, {kilobytes} kB)",
                    shown_path(file),
                    known.width,
                    known.height,
                    known.format
                )?;
                for copy in copies {
                    writeln!(out, " same  {}", shown_path(copy))?;
                }
            }
        }
        Ok(())
    }
}

/// The first file of a photograph, and the others of the same content.
fn split(photo: &DuplicatePhoto) -> (Option<&Path>, impl Iterator<Item = &Path>) {
    let mut files = photo.files.iter().map(PathBuf::as_path);
    (files.next(), files)
}

impl<'a> Row<'a> {
    fn new(photo: &'a DuplicatePhoto) -> Option<Self> {
        let (file, copies) = split(photo);
        let known = &photo.photo;
        Some(Self {
            path: PathField::new(file?),
            format: &known.format,
            width: known.width,
            height: known.height,
            bytes: photo.bytes,
            similarity: photo.similarity,
            distance: photo.distance,
            copies: copies.map(PathField::new).collect(),
        })
    }
}
