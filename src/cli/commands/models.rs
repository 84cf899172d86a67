use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::output::write_json;
use crate::encoder::{ModelInfo, models};

/// Show the models that can be used
#[derive(Args)]
pub(in crate::cli) struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Subcommand)]
enum ModelsCommand {
    /// List the known models
    List {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    family: String,
    dim: usize,
    image_size: usize,
    size_bytes: u64,
    licence: &'a str,
    note: &'a str,
    built_in: bool,
}

impl<'a> From<&'a ModelInfo> for Row<'a> {
    fn from(info: &'a ModelInfo) -> Self {
        let ModelInfo {
            name,
            family,
            dim,
            image_size,
            size_bytes,
            licence,
            note,
            built_in,
        } = *info;
        Self {
            name,
            family: family.to_string(),
            dim,
            image_size,
            size_bytes,
            licence,
            note,
            built_in,
        }
    }
}

impl ModelsArgs {
    pub fn run(self, out: &mut dyn Write) -> Result<Outcome> {
        let ModelsCommand::List { json } = self.command;
        if json {
            let rows: Vec<_> = models().iter().map(Row::from).collect();
            write_json(out, &rows)?;
        } else {
            for info in models() {
                let place = if info.built_in { "built in" } else { "to be fetched" };
                let megabytes = info.size_bytes as f64 / 1e6;
                writeln!(
                    out,
                    "{}  {place}, {megabytes:.0} MB, {} dimensions, {} x {} pixels, {}\n  {}",
                    info.name, info.dim, info.image_size, info.image_size, info.licence, info.note
                )?;
            }
        }
        Ok(Outcome::Done)
    }
}
