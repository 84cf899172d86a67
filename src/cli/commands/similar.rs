use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::search::ResultArgs;
use crate::cli::output::{HitList, QueryText};
use crate::cli::{Global, Outcome};
use crate::query::{self, SearchOptions};

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
    let model = library.model(global.model.as_deref())?;
    let known = library.item_of_file(image)?;
    let vector = match known {
        Some(item) => library.index().vector(library.images()?.id, item)?,
        None => None,
    };
    let vector = match vector {
        Some(vector) => vector,
        None => query::embed_file(model.image_encoder()?.as_ref(), image)?,
    };
    let exclude = if others { known } else { None };
    let hits = query::search(
        &library,
        &vector,
        &SearchOptions {
            k: results.k,
            exact: results.exact,
            exclude,
        },
    )?;
    let list = HitList {
        query: QueryText::Picture(image),
        model: &model.identity().name,
        hits: &hits,
    };
    list.write(out, results.format.or_paths(results.paths))?;
    Ok(if hits.is_empty() {
        Outcome::Nothing
    } else {
        Outcome::Done
    })
}
