use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::similar;
use crate::cli::output::{FormatArgs, HitList, PathArgs, QueryText};
use crate::cli::{Global, Outcome};
use crate::media;
use crate::query::{self, SearchOptions};

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
    pub k: usize,

    /// Compare with every photograph, however large the library
    #[arg(long)]
    pub exact: bool,

    #[command(flatten)]
    pub format: FormatArgs,

    #[command(flatten)]
    pub paths: PathArgs,
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
        let model = library.model(global.model.as_deref())?;
        let vector = query::embed_text(model.text_encoder()?.as_ref(), &words)?;
        let ResultArgs {
            k,
            exact,
            format,
            paths,
        } = self.results;
        let hits = query::search(
            &library,
            &vector,
            &SearchOptions {
                k,
                exact,
                exclude: None,
            },
        )?;
        let list = HitList {
            query: QueryText::Words(&words),
            model: &model.identity().name,
            hits: &hits,
        };
        list.write(out, format.or_paths(paths))?;
        Ok(if hits.is_empty() {
            Outcome::Nothing
        } else {
            Outcome::Done
        })
    }
}

/// The query as a picture file: it exists, and it looks like a path or has the name of a picture.
fn as_picture(query: &str) -> Option<PathBuf> {
    let path = Path::new(query);
    let looks_like_one = path.components().count() > 1 || query.starts_with('.') || media::is_photo_name(path);
    (looks_like_one && path.is_file()).then(|| path.to_path_buf())
}
