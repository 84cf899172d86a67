use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::output::{plain, write_json};
use crate::encoder::{Identity, Model, ModelInfo, models};

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
    /// Show what a model is
    Info {
        /// A known model, or the directory of one
        #[arg(value_name = "NAME|DIR")]
        model: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

impl ModelsArgs {
    pub fn run(self, out: &mut dyn Write) -> Result<Outcome> {
        match self.command {
            ModelsCommand::List { json } => list(json, out)?,
            ModelsCommand::Info { model, json } => info(Model::open(&model)?.identity(), json, out)?,
        }
        Ok(Outcome::Done)
    }
}

#[derive(Serialize)]
struct ListRow<'a> {
    name: &'a str,
    family: String,
    dim: usize,
    image_size: usize,
    size_bytes: u64,
    licence: &'a str,
    note: &'a str,
    built_in: bool,
}

fn list(json: bool, out: &mut dyn Write) -> Result<()> {
    let row = |info: &ModelInfo| ListRow {
        name: info.name,
        family: info.family.to_string(),
        dim: info.dim,
        image_size: info.image_size,
        size_bytes: info.size_bytes,
        licence: info.licence,
        note: info.note,
        built_in: info.built_in,
    };
    let rows: Vec<_> = models().iter().map(row).collect();
    if json {
        write_json(out, &rows)?;
        return Ok(());
    }
    for row in rows {
        let place = if row.built_in { "built in" } else { "to be fetched" };
        let (megabytes, side) = (row.size_bytes as f64 / 1e6, row.image_size);
        writeln!(
            out,
            "{}  {place}, {megabytes:.0} MB, {} dimensions, {side} x {side} pixels, {}\n  {}",
            row.name, row.dim, row.licence, row.note
        )?;
    }
    Ok(())
}

#[derive(Serialize)]
struct InfoRow<'a> {
    name: &'a str,
    family: String,
    dim: usize,
    image_size: usize,
    logit_scale: f32,
    logit_bias: f32,
    fingerprint: String,
}

fn info(identity: &Identity, json: bool, out: &mut dyn Write) -> Result<()> {
    let row = InfoRow {
        name: &identity.name,
        family: identity.family.to_string(),
        dim: identity.dim,
        image_size: identity.image_size,
        logit_scale: identity.logit_scale,
        logit_bias: identity.logit_bias,
        fingerprint: identity.fingerprint.to_string(),
    };
    if json {
        write_json(out, &row)?;
        return Ok(());
    }
    writeln!(out, "name         {}", plain(row.name))?;
    writeln!(out, "family       {}", row.family)?;
    writeln!(out, "dimensions   {}", row.dim)?;
    writeln!(out, "input        {0} x {0} pixels", row.image_size)?;
    writeln!(out, "logits       {} x cosine + {}", row.logit_scale, row.logit_bias)?;
    writeln!(out, "fingerprint  {}", row.fingerprint)?;
    Ok(())
}
