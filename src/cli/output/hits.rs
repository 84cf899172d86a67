//! Photographs that a query found.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{Format, PathField, SCHEMA, shown_path, write_json, write_json_line};
use crate::query::PhotoHit;

/// What was asked.
#[derive(Clone, Copy)]
pub(in crate::cli) enum QueryText<'a> {
    Words(&'a str),
    Picture(&'a Path),
}

/// The answer to one query.
pub(in crate::cli) struct HitList<'a> {
    pub query: QueryText<'a>,
    pub model: &'a str,
    pub hits: &'a [PhotoHit],
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<PathField>,
    model: &'a str,
    results: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    rank: usize,
    score: f32,
    #[serde(flatten)]
    path: PathField,
    format: &'a str,
    width: u32,
    height: u32,
    copies: Vec<PathField>,
}

impl<'a> HitList<'a> {
    pub fn write(&self, out: &mut dyn Write, format: Format) -> io::Result<()> {
        match format {
            Format::Table => self.write_table(out),
            Format::Json => write_json(out, &self.document()),
            Format::JsonLines => self.rows().try_for_each(|row| write_json_line(out, &row)),
            Format::Csv => self.write_csv(out),
            Format::Paths => self.write_paths(out, b'\n'),
            Format::PathsNul => self.write_paths(out, 0),
        }
    }

    /// Each hit with its rank and the first of its files.
    fn ranked(&self) -> impl Iterator<Item = (usize, &'a PhotoHit, &'a Path)> {
        let first = |hit: &'a PhotoHit| hit.files.first().map(|file| (hit, file.as_path()));
        self.hits
            .iter()
            .filter_map(first)
            .enumerate()
            .map(|(i, (hit, file))| (i + 1, hit, file))
    }

    fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        self.ranked().map(|(rank, hit, file)| Row {
            rank,
            score: hit.score,
            path: PathField::new(file),
            format: &hit.photo.format,
            width: hit.photo.width,
            height: hit.photo.height,
            copies: hit.files.iter().skip(1).map(|copy| PathField::new(copy)).collect(),
        })
    }

    fn document(&self) -> Document<'a> {
        let (text, image) = match self.query {
            QueryText::Words(words) => (Some(words), None),
            QueryText::Picture(path) => (None, Some(PathField::new(path))),
        };
        Document {
            schema: SCHEMA,
            text,
            image,
            model: self.model,
            results: self.rows().collect(),
        }
    }

    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (rank, hit, file) in self.ranked() {
            write!(out, "{rank:>3}  {:.3}  {}", hit.score, shown_path(file))?;
            match hit.files.len() - 1 {
                0 => writeln!(out)?,
                1 => writeln!(out, "  (and 1 copy)")?,
                copies => writeln!(out, "  (and {copies} copies)")?,
            }
        }
        Ok(())
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["rank", "score", "path", "format", "width", "height"])?;
        for (rank, hit, file) in self.ranked() {
            let (rank, score) = (rank.to_string(), hit.score.to_string());
            let (width, height) = (hit.photo.width.to_string(), hit.photo.height.to_string());
            let path = file.as_os_str().as_encoded_bytes();
            let fields = [
                rank.as_bytes(),
                score.as_bytes(),
                path,
                hit.photo.format.as_bytes(),
                width.as_bytes(),
                height.as_bytes(),
            ];
            csv.write_record(fields)?;
        }
        csv.flush()
    }

    fn write_paths(&self, out: &mut dyn Write, end: u8) -> io::Result<()> {
        for (_, _, file) in self.ranked() {
            out.write_all(file.as_os_str().as_encoded_bytes())?;
            out.write_all(&[end])?;
        }
        Ok(())
    }
}
