//! `clipdex index --watch`: goes on with every change until it is stopped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clipdex_index::IndexError;

use super::report::Reporter;
use super::update::{Updated, update};
use crate::cli::{Global, Outcome};
use crate::ingest::{Changes, Options, Watch};
use crate::library::{LibraryError, LibraryWriter};

/// How often it is tried whether another writer is done.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes in what changes in `dirs` from now on. Between the changes other programs may write to the library.
pub(super) fn watch(
    global: &Global,
    mut watch: Watch,
    dirs: &[PathBuf],
    options: &Options,
    reporter: &Reporter<'_>,
    out: &mut dyn Write,
) -> Result<Outcome> {
    reporter.remark(if watch.is_told() {
        "watching for changes; Ctrl-C ends"
    } else {
        "the system does not tell of changes in all of these directories, so they are looked through every minute; Ctrl-C \
         ends"
    });
    while let Some(changes) = watch.next(&|| reporter.interrupted()) {
        let Some(mut writer) = writer_when_free(global, reporter)? else {
            break;
        };
        let changed = match changes {
            Changes::Dirs(changed) => changed,
            Changes::Anywhere => dirs.to_vec(),
        };
        let updated = update(&mut writer, &changed, options, reporter, |ingest, dir, progress| {
            watch.update(ingest, dir, progress)
        })?;
        let Updated { reports, broken, .. } = updated;
        for report in reports.iter().filter(|report| report.has_changes()) {
            report.write(out)?;
        }
        out.flush()?;
        if broken {
            return Ok(Outcome::Failed);
        }
        if reports.iter().any(|report| report.summary.interrupted) {
            return Ok(Outcome::Interrupted);
        }
    }
    Ok(Outcome::Done)
}

/// Begins to watch what is indexed: before it is, so that nothing is missed between.
pub(super) fn begin(dirs: &[PathBuf], library: &Path) -> (Watch, Vec<PathBuf>) {
    let absolute = |dir: &PathBuf| {
        dir.canonicalize()
            .or_else(|_| std::path::absolute(dir))
            .unwrap_or_else(|_| dir.clone())
    };
    let dirs: Vec<PathBuf> = dirs.iter().map(absolute).collect();
    (Watch::new(dirs.clone(), library.to_path_buf()), dirs)
}

/// Opens the library for writing as soon as no other process writes to it; none when the user asked to stop before.
fn writer_when_free(global: &Global, reporter: &Reporter<'_>) -> Result<Option<LibraryWriter>> {
    while !reporter.interrupted() {
        match global.open_for_writing() {
            Err(error) if is_locked(&error) => thread::sleep(PAUSE),
            opened => return opened.map(Some),
        }
    }
    Ok(None)
}

fn is_locked(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(LibraryError::Index(IndexError::Locked { .. }))
    )
}
