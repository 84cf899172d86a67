use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use rayon::prelude::*;

use crate::cli::output::{FormatArgs, ImagePredictions, PredictionList};
use crate::cli::{Global, Outcome, complain};
use crate::encoder::Model;
use crate::labels::{Bank, LabelError};
use crate::library::Library;
use crate::query::{self, QueryError};

/// Recognise what pictures show, out of a label bank
///
/// Probabilities are over all labels of the bank. The pictures need not be in the library.
#[derive(Args)]
pub(in crate::cli) struct ClassifyArgs {
    /// Pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// Label bank, as `clipdex label list` shows them
    #[arg(short, long, value_name = "BANK")]
    labels: String,

    /// Number of labels for each picture
    #[arg(short, value_name = "N", default_value_t = 5)]
    k: usize,

    #[command(flatten)]
    format: FormatArgs,
}

impl ClassifyArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let bank = Bank::open(&library, &self.labels)?;
        let model = global.model_of(&library)?;
        let zero_shot = bank.zero_shot(&library, model.identity())?;
        let vectors = vectors_of(&library, &model, &self.images)?;

        let mut recognised = Vec::new();
        let mut failed = false;
        for (path, vector) in self.images.iter().zip(vectors) {
            match vector {
                Ok(vector) => {
                    let predictions = zero_shot.classify(&vector, self.k)?.into_iter();
                    let labelled = predictions.map(|prediction| {
                        let label = bank.label(&library, prediction.label)?;
                        Ok(label.map(|label| (prediction, label)))
                    });
                    let predictions = labelled
                        .filter_map(Result::transpose)
                        .collect::<Result<_, LabelError>>()?;
                    recognised.push(ImagePredictions { path, predictions });
                }
                Err(error) => {
                    complain(&error);
                    failed = true;
                }
            }
        }
        let list = PredictionList {
            bank: bank.name(),
            model: &model.identity().name,
            images: &recognised,
        };
        list.write(out, self.format.format())?;
        if failed {
            return Ok(Outcome::Failed);
        }
        Ok(Outcome::found(
            recognised.iter().any(|image| !image.predictions.is_empty()),
        ))
    }
}

/// The pictures' vectors, from the library where it has them. The image weights are read only where it lacks one.
fn vectors_of(library: &Library, model: &Model, images: &[PathBuf]) -> Result<Vec<Result<Vec<f32>, QueryError>>> {
    let stored: Vec<_> = images
        .par_iter()
        .map(|image| query::stored_vector(library, image))
        .collect();
    let encoder = if stored.iter().any(|vector| matches!(vector, Ok(None))) {
        Some(model.image_encoder()?)
    } else {
        None
    };
    let vectors = stored
        .into_par_iter()
        .zip(images)
        .filter_map(|(stored, image)| match stored.transpose() {
            Some(stored) => Some(stored.map(|(_, vector)| vector)),
            None => encoder.as_deref().map(|encoder| query::embed_file(encoder, image)),
        });
    Ok(vectors.collect())
}
