use std::io::Write;

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
    pub fn run(self, mut out: &mut dyn Write) -> Outcome {
        generate(self.shell, &mut Cli::command(), "clipdex", &mut out);
        Outcome::Done
    }
}
