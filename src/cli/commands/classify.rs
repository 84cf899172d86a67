use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{between_0_and_1, count};
use crate::cli::output::{FormatArgs, HierarchyAnswer, ImagePredictions, PredictionList};
use crate::cli::{Global, Outcome, complain};
use crate::encoder::Model;
use crate::labels::{Background, Bank, Label, NodeId, Prediction, Recognition, Taxonomy, ZeroShot};
use crate::library::Library;
use crate::query::vectors_of;

/// Recognise what pictures show, out of a label bank
///
/// Probabilities are over all labels of the bank, or all that --under leaves. The pictures need not be in the library.
#[derive(Args)]
pub(in crate::cli) struct ClassifyArgs {
    /// Pictures
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// Label bank, as `clipdex label list` shows them
    #[arg(short, long, value_name = "BANK")]
    labels: String,

    /// Number of labels for each picture
    #[arg(short, value_name = "N", default_value = "5", value_parser = count, allow_negative_numbers = true)]
    k: NonZeroUsize,

    /// Leave out labels less likely than this, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0, hide_default_value = true, value_parser = probability, allow_negative_numbers = true)]
    min_prob: f32,

    /// Let "none of these" compete: sentences that are true of any photograph, and of things that the bank does not name
    #[arg(long)]
    none: bool,

    #[command(flatten)]
    temperature: TemperatureArg,

    /// Answer with the most specific thing that is certain enough, such as "dog" where no breed is, and what it is a
    /// kind of
    #[arg(long)]
    hierarchy: bool,

    /// How certain an answer of --hierarchy has to be, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.9, value_parser = probability, allow_negative_numbers = true, requires = "hierarchy")]
    confidence: f32,

    /// Only labels that are this or a kind of it: a name, a synonym or an identifier
    #[arg(long, value_name = "LABEL")]
    under: Option<String>,

    #[command(flatten)]
    format: FormatArgs,
}

/// How certain a model may be.
#[derive(Args, Clone, Copy)]
pub(super) struct TemperatureArg {
    /// Divide the model's logits by this: more makes probabilities more alike, less tells them further apart [default:
    /// what `clipdex label calibrate` found for the bank, else 1]
    #[arg(long, value_name = "T", value_parser = temperature, allow_negative_numbers = true)]
    temperature: Option<f32>,
}

impl TemperatureArg {
    /// The temperature for a bank.
    pub fn of(self, bank: &Bank) -> f32 {
        self.temperature.or(bank.temperature()).unwrap_or(1.0)
    }
}

impl ClassifyArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let bank = Bank::open(&library, &self.labels)?;
        let model = global.model_of(&library)?;
        let taxonomy = if self.hierarchy || self.under.is_some() {
            Some(Taxonomy::new(&bank.labels(&library)?)?)
        } else {
            None
        };
        let zero_shot = self.zero_shot(&library, &bank, &model, taxonomy.as_ref())?;
        let vectors = vectors_of(&library, &model, &self.images)?;

        let mut recognised = Vec::new();
        let mut failed = false;
        for (path, vector) in self.images.iter().zip(vectors) {
            match vector {
                Ok(vector) => {
                    let recognition = zero_shot.recognise(&vector)?;
                    recognised.push(ImagePredictions {
                        path,
                        none: recognition.none(),
                        hierarchy: match &taxonomy {
                            Some(taxonomy) if self.hierarchy => Some(self.answer(taxonomy, &recognition)),
                            _ => None,
                        },
                        predictions: self.predictions(&library, &bank, &recognition)?,
                    });
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
        Ok(Outcome::found(recognised.iter().any(ImagePredictions::found_any)))
    }

    fn zero_shot(
        &self,
        library: &Library,
        bank: &Bank,
        model: &Model,
        taxonomy: Option<&Taxonomy>,
    ) -> Result<ZeroShot> {
        let mut zero_shot = bank
            .zero_shot(library, model.identity())?
            .with_temperature(self.temperature.of(bank));
        if let (Some(under), Some(taxonomy)) = (&self.under, taxonomy) {
            zero_shot = zero_shot.among(&taxonomy.labels_below(taxonomy.find(under)?));
        }
        if self.none {
            zero_shot = zero_shot.with_background(Background::embed(model.text_encoder()?.as_ref())?)?;
        }
        Ok(zero_shot)
    }

    fn predictions(
        &self,
        library: &Library,
        bank: &Bank,
        recognition: &Recognition<'_>,
    ) -> Result<Vec<(Prediction, Label)>> {
        let mut predictions = Vec::new();
        for prediction in recognition.best(self.k.get()) {
            if prediction.probability < self.min_prob {
                break;
            }
            if let Some(label) = bank.label(library, prediction.label)? {
                predictions.push((prediction, label));
            }
        }
        Ok(predictions)
    }

    /// What the picture shows for certain, from the most general to the most specific; empty where nothing is certain.
    fn answer(&self, taxonomy: &Taxonomy, recognition: &Recognition<'_>) -> HierarchyAnswer {
        let sums = taxonomy.sums(&recognition.shares());
        let step = |(id, probability): (NodeId, f64)| Some((taxonomy.node(id)?.label.clone(), probability));
        let path = taxonomy
            .answer(&sums, f64::from(self.confidence))
            .map(|answer| answer.path);
        HierarchyAnswer {
            path: path.into_iter().flatten().filter_map(step).collect(),
        }
    }
}

/// A probability, 0 to 1.
pub(super) fn probability(text: &str) -> Result<f32, String> {
    between_0_and_1(text, "probability")
}

fn temperature(text: &str) -> Result<f32, String> {
    let temperature: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1e-3..=1e3).contains(&temperature) {
        Ok(temperature)
    } else {
        Err("a temperature lies between 0.001 and 1000".to_owned())
    }
}
