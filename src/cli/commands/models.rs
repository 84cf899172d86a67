mod bench;
mod list;
mod pull;

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::output::{plain, write_document};
use crate::cli::{Global, Outcome};
use crate::encoder::{Identity, Model};

/// Show the models that can be used, and fetch them
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
    /// Fetch a model from the Hugging Face hub
    ///
    /// Into the cache that Python's huggingface_hub uses; HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE
    /// mean what they mean there. A download that broke off goes on from where it stopped. A model that is on this machine
    /// stays as it is, and nobody is asked: libraries are made with its very weights.
    Pull {
        /// A known model, or a repository of the hub
        #[arg(value_name = "NAME|ORG/NAME[@REVISION]")]
        name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Measure how quickly a model embeds on this machine, in each precision
    ///
    /// Images in batches of 32 and short texts, on all cores, for about ten seconds in all. The cosine says how near the
    /// vectors of a precision are to those of f32, at worst. With --device, what the device computes follows f32 of the CPU.
    Bench {
        /// A known model, a repository of the hub that was fetched, or the directory of a model [default: the model of a
        /// new library]
        #[arg(value_name = "NAME|ORG/NAME|DIR")]
        name: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show what a model is
    Info {
        /// A known model, a repository of the hub that was fetched, or the directory of a model
        #[arg(value_name = "NAME|ORG/NAME|DIR")]
        name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

impl ModelsArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        match self.command {
            ModelsCommand::List { json } => list::list(json, out)?,
            ModelsCommand::Pull { name, json } => pull::pull(&name, json, global, out)?,
            ModelsCommand::Bench { name, json } => bench::bench(name.as_deref(), global.device, json, out)?,
            ModelsCommand::Info { name, json } => info(Model::open(&name)?.identity(), json, out)?,
        }
        Ok(Outcome::Done)
    }
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
        write_document(out, &row)?;
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
