use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::search::ResultArgs;
use crate::cli::output::QueryText;
use crate::cli::{Global, Outcome};
use crate::query;

/// Find photographs that look like one
///
/// The picture need not be in the library; if it is, it is left out of the results, copies included.
#[derive(Args)]
pub(in crate::cli) struct SimilarArgs {
    /// The picture
    #[arg(value_name = "IMAGE")]
    image: PathBuf,

    #[command(flatten)]
    results: ResultArgs,
}

impl SimilarArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        find(global, &self.image, true, &self.results, out)
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
    let (known, vector) = match query::stored_vector(&library, image)? {
        Some((item, vector)) => (Some(item), vector),
        None => (None, query::embed_file(model.image_encoder()?.as_ref(), image)?),
    };
    let exclude = if others { known } else { None };
    results.answer(&library, &model, QueryText::Picture(image), &vector, exclude, out)
}
