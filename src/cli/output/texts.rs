//! Texts that describe a picture.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{Format, PathField, SCHEMA, plain, write_json, write_json_line};
use crate::labels::Label;

/// The texts of a bank that are nearest to one picture, nearest first, with their cosines.
pub(in crate::cli) struct TextList<'a> {
    pub image: &'a Path,
    pub bank: &'a str,
    pub model: &'a str,
    pub texts: &'a [(f32, Label)],
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    image: PathField,
    labels: &'a str,
    model: &'a str,
    results: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    rank: usize,
    score: f32,
    id: &'a str,
    text: &'a str,
}

impl<'a> TextList<'a> {
    pub fn write(&self, out: &mut dyn Write, format: Format) -> io::Result<()> {
        match format {
            Format::Json => write_json(
                out,
                &Document {
                    schema: SCHEMA,
                    image: PathField::new(self.image),
                    labels: self.bank,
                    model: self.model,
                    results: self.rows().collect(),
                },
            ),
            Format::JsonLines => self.rows().try_for_each(|row| write_json_line(out, &row)),
            Format::Csv => self.write_csv(out),
            Format::Table | Format::Paths | Format::PathsNul => self
                .rows()
                .try_for_each(|row| writeln!(out, "{:>3}  {:.3}  {}", row.rank, row.score, plain(row.text))),
        }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        self.texts.iter().enumerate().map(|(i, (score, label))| Row {
            rank: i + 1,
            score: *score,
            id: &label.id,
            text: &label.name,
        })
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["rank", "score", "id", "text"])?;
        for row in self.rows() {
            let (rank, score) = (row.rank.to_string(), row.score.to_string());
            csv.write_record([rank.as_str(), &score, row.id, row.text])?;
        }
        csv.flush()
    }
}
