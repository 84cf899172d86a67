use std::io::Write;

use anyhow::Result;
use clap::Args;

use crate::cli::output::{DuplicateList, counted};
use crate::cli::{Global, Outcome};
use crate::duplicates::{DuplicateOptions, find_duplicates};

/// Find photographs that are copies of one another
///
/// Lists files of the same content, and near copies: pictures that were resized, compressed again or cropped a little.
/// In groups, the best one first: that of most pixels, then of most bytes; with each other one stands how similar it is
/// to the best. Nothing is deleted. The answer is of the last time that `clipdex index` ran.
#[derive(Args)]
pub(in crate::cli) struct DupsArgs {
    /// Files of the same content alone
    #[arg(long)]
    exact: bool,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl DupsArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let found = find_duplicates(&library, DuplicateOptions { exact: self.exact })?;
        if found.without_hash > 0 {
            global.remark(&format!(
                "indexed by an older clipdex, which kept no perceptual hashes: {}, of which only files of the same content \
                 are found",
                counted(found.without_hash, "photograph")
            ));
        }
        let list = DuplicateList(&found.groups);
        if self.json {
            list.write_json(out)?;
        } else {
            list.write_table(out)?;
        }
        Ok(Outcome::found(!found.groups.is_empty()))
    }
}
