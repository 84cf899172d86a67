//! What images were recognised as.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{Format, PathField, SCHEMA, plain, shown_path, write_json, write_json_line};
use crate::labels::{Label, NoneOfThese, Prediction};

/// What competes with the labels where that was asked for.
const NONE: &str = "none of these";

/// One image with its likeliest labels, likeliest first.
pub(in crate::cli) struct ImagePredictions<'a> {
    pub path: &'a Path,
    pub predictions: Vec<(Prediction, Label)>,
    /// Where it was asked for.
    pub none: Option<NoneOfThese>,
    /// Where it was asked for.
    pub hierarchy: Option<HierarchyAnswer>,
}

/// What an image shows for certain.
pub(in crate::cli) struct HierarchyAnswer {
    /// From the most general to the answer, each with its probability; empty where nothing is certain enough.
    pub path: Vec<(Label, f64)>,
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
    /// Probability that the image shows none of the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hierarchy: Option<Hierarchy<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    rank: usize,
    id: &'a str,
    name: &'a str,
    probability: f32,
    score: f32,
}

/// The answer, null where nothing is certain enough, and the way to it from the most general.
#[derive(Serialize)]
struct Hierarchy<'a> {
    answer: Option<Step<'a>>,
    path: Vec<Step<'a>>,
}

#[derive(Clone, Copy, Serialize)]
struct Step<'a> {
    id: &'a str,
    name: &'a str,
    probability: f64,
}

impl ImagePredictions<'_> {
    /// Whether it shows anything that was asked for.
    pub fn found_any(&self) -> bool {
        match &self.hierarchy {
            Some(answer) => !answer.path.is_empty(),
            None => !self.predictions.is_empty(),
        }
    }

    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", shown_path(self.path))?;
        if let Some(answer) = &self.hierarchy {
            return answer.write_table(out);
        }
        let none = self.none.map(|none| (none.cosine, none.probability));
        let mut none = none.into_iter().peekable();
        for (prediction, label) in &self.predictions {
            if let Some((_, probability)) = none.next_if(|(cosine, _)| *cosine > prediction.cosine) {
                write_line(out, probability, NONE, "")?;
            }
            write_line(out, prediction.probability, &label.name, &label.id)?;
        }
        match none.next() {
            Some((_, probability)) => write_line(out, probability, NONE, ""),
            None if self.predictions.is_empty() => writeln!(out, "           no label is likely enough"),
            None => Ok(()),
        }
    }
}

impl HierarchyAnswer {
    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some((label, probability)) = self.path.last() else {
            return writeln!(out, "           nothing is certain enough");
        };
        write_line(out, *probability as f32, &label.name, &label.id)?;
        let steps = self.path.iter().map(|(label, probability)| {
            let percent = probability * 100.0;
            format!("{} {percent:.0}%", plain(&label.name))
        });
        writeln!(out, "           {}", steps.collect::<Vec<_>>().join(" > "))
    }
}

fn write_line(out: &mut dyn Write, probability: f32, name: &str, id: &str) -> io::Result<()> {
    write!(out, "  {:>6.2}%  {}", probability * 100.0, plain(name))?;
    if id.is_empty() {
        writeln!(out)
    } else {
        writeln!(out, "  ({})", plain(id))
    }
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
            image.write_table(out)?;
        }
        Ok(())
    }

    /// With --hierarchy the way to the answer, the answer first; "none of these" last, without a rank.
    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["path", "rank", "id", "name", "probability", "score"])?;
        for image in self.images {
            let path = image.path.as_os_str().as_encoded_bytes();
            let mut write = |fields: [&str; 5]| {
                let fields = fields.map(str::as_bytes);
                csv.write_record([&[path][..], &fields].concat())
            };
            let Image {
                predictions,
                none,
                hierarchy,
                ..
            } = Image::new(image);
            if let Some(hierarchy) = hierarchy {
                for (i, step) in hierarchy.path.iter().rev().enumerate() {
                    let (rank, probability) = ((i + 1).to_string(), step.probability.to_string());
                    write([&rank, step.id, step.name, &probability, ""])?;
                }
                continue;
            }
            for row in predictions {
                let (rank, probability, score) =
                    (row.rank.to_string(), row.probability.to_string(), row.score.to_string());
                write([&rank, row.id, row.name, &probability, &score])?;
            }
            if let (Some(probability), Some(none)) = (none, image.none) {
                write(["", "", NONE, &probability.to_string(), &none.cosine.to_string()])?;
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
            none: image.none.map(|none| none.probability),
            hierarchy: image.hierarchy.as_ref().map(Hierarchy::new),
        }
    }
}

impl<'a> Hierarchy<'a> {
    fn new(answer: &'a HierarchyAnswer) -> Self {
        let step = |(label, probability): &'a (Label, f64)| Step {
            id: &label.id,
            name: &label.name,
            probability: *probability,
        };
        let path: Vec<_> = answer.path.iter().map(step).collect();
        Self {
            answer: path.last().copied(),
            path,
        }
    }
}
