//! What images were recognised as.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{Format, PathField, SCHEMA, plain, shown_path, write_json, write_json_line};
use crate::labels::{Label, Prediction};

/// One image with its likeliest labels, likeliest first.
pub(in crate::cli) struct ImagePredictions<'a> {
    pub path: &'a Path,
    pub predictions: Vec<(Prediction, Label)>,
}

/// Several images, recognised out of one bank.
pub(in crate::cli) struct PredictionList<'a> {
    pub bank: &'a str,
    pub model: &'a str,
    pub images: &'a [ImagePredictions<'a>],
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    labels: &'a str,
    model: &'a str,
    images: Vec<Image<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    #[serde(flatten)]
    path: PathField,
    predictions: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    rank: usize,
    id: &'a str,
    name: &'a str,
    probability: f32,
    score: f32,
}

impl PredictionList<'_> {
    pub fn write(&self, out: &mut dyn Write, format: Format) -> io::Result<()> {
        match format {
            Format::Json => {
                let images = self.images.iter().map(Image::new).collect();
                write_json(
                    out,
                    &Document {
                        schema: SCHEMA,
                        labels: self.bank,
                        model: self.model,
                        images,
                    },
                )
            }
            Format::JsonLines => self
                .images
                .iter()
                .try_for_each(|image| write_json_line(out, &Image::new(image))),
            Format::Csv => self.write_csv(out),
            Format::Table | Format::Paths | Format::PathsNul => self.write_table(out),
        }
    }

    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (i, image) in self.images.iter().enumerate() {
            if i > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}", shown_path(image.path))?;
            for (prediction, label) in &image.predictions {
                write!(
                    out,
                    "  {:>6.2}%  {}",
                    prediction.probability * 100.0,
                    plain(&label.name)
                )?;
                if label.id.is_empty() {
                    writeln!(out)?;
                } else {
                    writeln!(out, "  ({})", plain(&label.id))?;
                }
            }
        }
        Ok(())
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["path", "rank", "id", "name", "probability", "score"])?;
        for image in self.images {
            for row in Image::new(image).predictions {
                let (rank, probability, score) =
                    (row.rank.to_string(), row.probability.to_string(), row.score.to_string());
                let path = image.path.as_os_str().as_encoded_bytes();
                let (id, name) = (row.id.as_bytes(), row.name.as_bytes());
                csv.write_record([
                    path,
                    rank.as_bytes(),
                    id,
                    name,
                    probability.as_bytes(),
                    score.as_bytes(),
                ])?;
            }
        }
        csv.flush()
    }
}

impl<'a> Image<'a> {
    fn new(image: &'a ImagePredictions<'a>) -> Self {
        let row = |(i, (prediction, label)): (usize, &'a (Prediction, Label))| Row {
            rank: i + 1,
            id: &label.id,
            name: &label.name,
            probability: prediction.probability,
            score: prediction.cosine,
        };
        let predictions = image.predictions.iter().enumerate().map(row).collect();
        Self {
            path: PathField::new(image.path),
            predictions,
        }
    }
}
