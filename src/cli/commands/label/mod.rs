mod add;
mod calibrate;
mod diff;
mod edit;
mod export;
mod forget;
mod list;
mod remove;
mod show;
mod suggest;
mod teach;

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::{Global, Outcome};
use crate::library::{Library, LibraryWriter};

/// Keep label banks: the things that pictures can be recognised as
#[derive(Args)]
pub(in crate::cli) struct LabelArgs {
    #[command(subcommand)]
    command: LabelCommand,
}

/// One variant a subcommand, each with its arguments in a file of its own.
#[derive(Subcommand)]
enum LabelCommand {
    Add(add::AddArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Edit(edit::EditArgs),
    Remove(remove::RemoveArgs),
    Teach(teach::TeachArgs),
    Forget(forget::ForgetArgs),
    Diff(diff::DiffArgs),
    Export(export::ExportArgs),
    Calibrate(calibrate::CalibrateArgs),
    Suggest(suggest::SuggestArgs),
}

impl LabelArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        match self.command {
            LabelCommand::Add(args) => args.run(global, out),
            LabelCommand::List(args) => args.run(global, out),
            LabelCommand::Show(args) => args.run(global, out),
            LabelCommand::Edit(args) => args.run(global, out),
            LabelCommand::Remove(args) => args.run(global),
            LabelCommand::Teach(args) => args.run(global, out),
            LabelCommand::Forget(args) => args.run(global, out),
            LabelCommand::Diff(args) => args.run(global, out),
            LabelCommand::Export(args) => args.run(global, out),
            LabelCommand::Calibrate(args) => args.run(global, out),
            LabelCommand::Suggest(args) => args.run(global, out),
        }
    }
}

/// Opens a library to change a bank that it has to have: opening for writing would make a library where there is none.
fn open_to_change(global: &Global) -> Result<LibraryWriter> {
    Library::open(&global.library_dir()?)?;
    global.open_for_writing()
}

/// What an interrupted change of a bank comes to.
fn interrupted(global: &Global) -> Outcome {
    global.remark("interrupted; what was committed is kept, and the same command goes on from there");
    Outcome::Interrupted
}
