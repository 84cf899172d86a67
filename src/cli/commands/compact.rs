use std::io::Write;

use anyhow::Result;
use clap::Args;
use clipdex_index::{IndexError, SealSummary};
use serde::Serialize;

use crate::cli::interrupt::Interrupt;
use crate::cli::output::{counted, write_document};
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome};
use crate::library::{LibraryError, LibraryWriter};

/// Make searches as quick as they can be
///
/// Writes the vectors of all photographs to one file with a search graph, without what was deleted. Label banks of the
/// library's model show the graph what words look for, so run it after adding a large bank. Indexing does the same in
/// steps, by itself; nothing found depends on it.
#[derive(Args)]
pub(in crate::cli) struct CompactArgs {
    /// Write the summary as one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    photos: u64,
    graph: bool,
    written: bool,
    bytes: u64,
}

impl CompactArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        // Opening for writing would make a library where there is none.
        global.open()?.images()?;
        let interrupt = Interrupt::install(global.quiet)?;
        let mut writer = global.open_for_writing()?;
        let Some(summary) = compact(global, &mut writer, &interrupt)? else {
            return Ok(Outcome::Interrupted);
        };
        let SealSummary {
            items,
            graph,
            bytes,
            written,
            ..
        } = summary;
        if self.json {
            let report = Report {
                photos: items,
                graph,
                written,
                bytes,
            };
            write_document(out, &report)?;
        } else if written {
            let how = if graph { "with a graph" } else { "to be scanned" };
            writeln!(out, "{} in one segment, {how}", counted(items, "photograph"))?;
        } else {
            let are = if items == 1 { "is" } else { "are" };
            writeln!(
                out,
                "nothing to do: {} {are} in one segment",
                counted(items, "photograph")
            )?;
        }
        Ok(Outcome::Done)
    }
}

/// Compacts with a bar on standard error; none where it was interrupted.
pub(super) fn compact(
    global: &Global,
    writer: &mut LibraryWriter,
    interrupt: &Interrupt,
) -> Result<Option<SealSummary>> {
    let watcher = Watcher::new("photos", global.quiet, interrupt);
    let sealed = writer.compact(&watcher);
    watcher.finish();
    match sealed {
        Err(LibraryError::Index(IndexError::Cancelled)) => {
            global.remark("interrupted; the library is as it was");
            Ok(None)
        }
        sealed => Ok(Some(sealed?)),
    }
}
