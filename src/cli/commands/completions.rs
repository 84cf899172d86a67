use std::io::Write;

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::{Cli, Outcome};

/// Write a completion script for a shell
#[derive(Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    pub fn run(self, out: &mut dyn Write) -> Result<Outcome> {
        // Writing the script panics where that fails, which it cannot do in memory.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "clipdex", &mut script);
        out.write_all(&script)?;
        Ok(Outcome::Done)
    }
}
