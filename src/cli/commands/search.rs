use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clipdex_index::ItemId;

use super::{between_0_and_1, similar};
use crate::cli::output::{Format, FormatArgs, HitList, PathArgs, QueryText};
use crate::cli::{Global, Outcome};
use crate::encoder::Model;
use crate::library::Library;
use crate::media;
use crate::query::{self, SearchOptions};
use crate::tags::{self, TagFilter};

/// Find photographs by words, or by a picture
///
/// The words are taken together as one description. A single argument that names an existing picture (./image.jpg)
/// finds photographs like it.
#[derive(Args)]
pub(in crate::cli) struct SearchArgs {
    /// A description in words, or a picture file
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,

    #[command(flatten)]
    results: ResultArgs,
}

/// How many results, and how they are written.
#[derive(Args)]
pub(super) struct ResultArgs {
    /// Number of results
    #[arg(short, value_name = "N", default_value_t = 10)]
    k: usize,

    /// Compare with every photograph, however large the library
    #[arg(long)]
    exact: bool,

    /// Candidates that the search of a large library keeps: more is slower and misses less
    #[arg(long, value_name = "N", conflicts_with = "exact")]
    ef: Option<NonZeroUsize>,

    /// Share of the nearest photographs to find, 0 to 1, in a large library [default: 0.99, or what its graph reaches]
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with_all = ["exact", "ef"])]
    target_recall: Option<f32>,

    /// Only photographs with this tag, or a tag that is a kind of it; repeated, with all of them. `clipdex tag` gives tags
    #[arg(long = "where", value_name = "tag:[BANK/]LABEL")]
    conditions: Vec<TagFilter>,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    paths: PathArgs,
}

impl SearchArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        if let [query] = self.query.as_slice()
            && let Some(picture) = as_picture(query)
        {
            return similar::find(global, &picture, false, &self.results, out);
        }
        let words = self.query.join(" ");
        if words.trim().is_empty() {
            bail!("the query is empty; say what the photographs show");
        }
        let library = global.open()?;
        let model = global.model_of(&library)?;
        let vector = query::embed_text(model.text_encoder()?.as_ref(), &words)?;
        self.results
            .answer(&library, &model, QueryText::Words(&words), &vector, None, out)
    }
}

impl ResultArgs {
    /// Number of results.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How results are written.
    pub fn format(&self) -> Format {
        self.format.or_paths(self.paths)
    }

    /// Finds what is nearest to `vector`, `exclude` left out, and writes it.
    pub fn answer(
        &self,
        library: &Library,
        model: &Model,
        query: QueryText<'_>,
        vector: &[f32],
        exclude: Option<ItemId>,
        out: &mut dyn Write,
    ) -> Result<Outcome> {
        let filter = match self.conditions.as_slice() {
            [] => None,
            conditions => Some(tags::photos_with(library, model.identity(), conditions)?),
        };
        let options = SearchOptions {
            k: self.k,
            exact: self.exact,
            ef: self.ef.map(NonZeroUsize::get),
            target_recall: self.target_recall,
            exclude,
            filter,
        };
        let hits = query::search(library, vector, &options)?;
        let list = HitList {
            query,
            model: &model.identity().name,
            hits: &hits,
        };
        list.write(out, self.format())?;
        Ok(Outcome::found(!hits.is_empty()))
    }
}

/// A share of the whole.
fn share(text: &str) -> Result<f32, String> {
    between_0_and_1(text, "share")
}

/// The query as a picture file: it exists, and it looks like a path or has the name of a picture.
fn as_picture(query: &str) -> Option<PathBuf> {
    let path = Path::new(query);
    let looks_like_one = path.components().count() > 1 || query.starts_with('.') || media::is_photo_name(path);
    (looks_like_one && path.is_file()).then(|| path.to_path_buf())
}
