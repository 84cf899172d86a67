use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use rayon::prelude::*;

use crate::cli::output::{FormatArgs, ImagePredictions, PredictionList};
use crate::cli::{Global, Outcome, complain};
use crate::encoder::ImageEncoder;
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
        let model = library.model(global.model.as_deref())?;
        let zero_shot = bank.zero_shot(&library, model.identity())?;
        let encoder = model.image_encoder()?;

        let vectors: Vec<_> = self
            .images
            .par_iter()
            .map(|image| vector_of(&library, encoder.as_ref(), image))
            .collect();
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
        let nothing = recognised.iter().all(|image| image.predictions.is_empty());
        Ok(match (failed, nothing) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Nothing,
            (false, false) => Outcome::Done,
        })
    }
}

/// The picture's vector, from the library where it is in there.
fn vector_of(library: &Library, encoder: &dyn ImageEncoder, image: &Path) -> Result<Vec<f32>, QueryError> {
    if let Some(item) = library.item_of_file(image)?
        && let Some(vector) = library.index().vector(library.images()?.id, item)?
    {
        return Ok(vector);
    }
    query::embed_file(encoder, image)
}
