use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use clipdex_index::ItemId;

use super::{between_0_and_1, count, similar};
use crate::cli::output::{Format, FormatArgs, HitList, PathArgs, QueryText, plain_path};
use crate::cli::{Global, Outcome};
use crate::encoder::Model;
use crate::library::Library;
use crate::media;
use crate::query::{self, SearchOptions};
use crate::tags::{self, TagFilter};

/// How a path begins that no description does.
const PREFIXES: [&str; 4] = ["/", "./", "../", "~/"];

/// Find photographs by words, or by a picture
///
/// The words are taken together as one description. A single argument that is the path of a picture (./image.jpg) finds
/// photographs like it.
#[derive(Args)]
pub(in crate::cli) struct SearchArgs {
    /// A description in words, or a picture file
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<OsString>,

    #[command(flatten)]
    results: ResultArgs,
}

/// How many results, and how they are written.
#[derive(Args)]
pub(super) struct ResultArgs {
    /// Number of results
    #[arg(short, value_name = "N", default_value = "10", value_parser = count, allow_negative_numbers = true)]
    k: NonZeroUsize,

    /// Compare with every photograph, however large the library
    #[arg(long)]
    exact: bool,

    /// Candidates that the search of a large library keeps: more is slower and misses less
    #[arg(long, value_name = "N", conflicts_with = "exact", value_parser = count, allow_negative_numbers = true)]
    ef: Option<NonZeroUsize>,

    /// Share of the nearest photographs to find, 0 to 1, in a large library [default: 0.99, or what its graph reaches]
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true, conflicts_with_all = ["exact", "ef"])]
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
            && let Some(picture) = as_picture(query)?
        {
            return similar::find(global, picture, false, &self.results, out);
        }
        let words = self.query.iter().map(|word| word.to_str()).collect::<Option<Vec<_>>>();
        let Some(words) = words.map(|words| words.join(" ")) else {
            bail!("the query is not UTF-8; to find photographs like one, give its path alone");
        };
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
        self.k.get()
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
            k: self.k(),
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

/// The query as the path of a picture: it looks like one or has the name of a picture, and there is such a file.
///
/// # Errors
/// It can hardly be anything else, and there is no such file.
fn as_picture(query: &OsStr) -> Result<Option<&Path>> {
    let (path, bytes) = (Path::new(query), query.as_encoded_bytes());
    let named = media::is_photo_name(path);
    let looks_like_one = path.components().count() > 1 || bytes.starts_with(b".") || named;
    let is_one = PREFIXES.iter().any(|prefix| bytes.starts_with(prefix.as_bytes()))
        || named && !bytes.iter().any(u8::is_ascii_whitespace);
    if path.exists() && (is_one || looks_like_one && !path.is_dir()) {
        return Ok(Some(path));
    }
    if is_one {
        let name = plain_path(path);
        bail!(
            "there is no picture '{name}'; to search for this as words, add another: `clipdex search photo '{name}'`"
        );
    }
    Ok(None)
}
