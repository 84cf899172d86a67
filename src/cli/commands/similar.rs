use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clipdex_index::ItemId;

use super::search::ResultArgs;
use crate::cli::output::{QueryText, TextList};
use crate::cli::{Global, Outcome};
use crate::encoder::Model;
use crate::labels::{Bank, LabelError};
use crate::library::Library;
use crate::query::{self, QueryError};

/// Find photographs that look like one, or texts that describe it
///
/// The picture need not be in the library; if it is, it is left out of the results, copies included.
#[derive(Args)]
pub(in crate::cli) struct SimilarArgs {
    /// The picture
    #[arg(value_name = "IMAGE")]
    image: PathBuf,

    /// Find the texts of this label bank that describe the picture best: captions, or any sentences
    #[arg(long, value_name = "BANK", conflicts_with_all = ["exact", "ef", "target_recall", "conditions", "PathArgs"])]
    text: Option<String>,

    #[command(flatten)]
    results: ResultArgs,
}

impl SimilarArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        match &self.text {
            Some(bank) => self.texts(global, bank, out),
            None => find(global, &self.image, true, &self.results, out),
        }
    }

    /// The texts nearest to the picture by cosine, among all of the bank.
    fn texts(&self, global: &Global, bank: &str, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let bank = Bank::open(&library, bank)?;
        let model = global.model_of(&library)?;
        let (_, vector) = vector_of(&library, &model, &self.image)?;
        let found = bank
            .zero_shot(&library, model.identity())?
            .classify(&vector, self.results.k())?;
        let texts = found
            .into_iter()
            .map(|found| Ok((found.cosine, bank.label(&library, found.label)?)));
        let texts: Vec<_> = texts.collect::<Result<_, LabelError>>()?;
        let texts: Vec<_> = texts
            .into_iter()
            .filter_map(|(score, label)| Some((score, label?)))
            .collect();
        let list = TextList {
            image: &self.image,
            bank: bank.name(),
            model: &model.identity().name,
            texts: &texts,
        };
        list.write(out, self.results.format())?;
        Ok(Outcome::found(!texts.is_empty()))
    }
}

/// Finds what looks like `image`; `others` leaves the picture itself out.
pub(super) fn find(
    global: &Global,
    image: &Path,
    others: bool,
    results: &ResultArgs,
    out: &mut dyn Write,
) -> Result<Outcome> {
    let library = global.open()?;
    let model = global.model_of(&library)?;
    let (known, vector) = vector_of(&library, &model, image)?;
    let exclude = if others { known } else { None };
    results.answer(&library, &model, QueryText::Picture(image), &vector, exclude, out)
}

/// The picture's vector, and the photograph that the library has of it.
fn vector_of(library: &Library, model: &Model, image: &Path) -> Result<(Option<ItemId>, Vec<f32>), QueryError> {
    match query::stored_vector(library, image)? {
        Some((item, vector)) => Ok((Some(item), vector)),
        None => Ok((None, query::embed_file(model.image_encoder()?.as_ref(), image)?)),
    }
}
