use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clipdex_index::{SearchParams, SegmentStats, SpaceStats};
use serde::Serialize;

use crate::cli::output::{PathField, counted, plain, plain_path, shown_path, write_document};
use crate::cli::{Global, Outcome};
use crate::labels::Bank;
use crate::library::{Library, bytes_to_path};

/// Show what the library holds
#[derive(Args)]
pub(in crate::cli) struct StatusArgs {
    /// List the files that could not be used, each with its reason; `clipdex index --retry-failed` tries them again
    #[arg(long, visible_alias = "failed")]
    failures: bool,

    /// Measure what searches find of the nearest photographs, on a sample against comparing with every one
    #[arg(long)]
    recall: bool,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Status {
    library: PathField,
    model: String,
    dim: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<ChangeRow>,
    photos: u64,
    search: String,
    segments: Vec<SegmentRow>,
    unsealed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    recall: Option<RecallRow>,
    disk_bytes: u64,
    roots: Vec<RootRow>,
    banks: Vec<BankRow>,
    failures: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_files: Option<Vec<FailureRow>>,
}

/// A change of model that is not finished.
#[derive(Serialize)]
struct ChangeRow {
    model: String,
    photos: u64,
}

/// A file with vectors of photographs.
#[derive(Serialize)]
struct SegmentRow {
    photos: u64,
    dead: u64,
    graph: bool,
    bytes: u64,
}

/// Shares of the ten nearest that searches find: of photographs looking for their like, and of labels' texts.
#[derive(Serialize)]
struct RecallRow {
    photos: Option<f32>,
    labels: Option<f32>,
    queries: usize,
}

#[derive(Serialize)]
struct RootRow {
    #[serde(flatten)]
    path: PathField,
    files: usize,
    present: bool,
    #[serde(skip)]
    dir: PathBuf,
}

#[derive(Serialize)]
struct BankRow {
    name: String,
    labels: u64,
}

#[derive(Serialize)]
struct FailureRow {
    #[serde(flatten)]
    path: PathField,
    reason: String,
    size: u64,
    mtime_ns: i64,
    failed_at_unix: i64,
    /// Whether the cause may pass while the file stays as it is; then it is tried again by every run.
    transient: bool,
    #[serde(skip)]
    file: PathBuf,
}

impl StatusArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let failures = failures(&library)?;
        let mut status = Status::read(&library, failures.len())?;
        if self.recall {
            let measured = library.recall()?;
            status.recall = Some(RecallRow {
                photos: measured.own,
                labels: measured.training,
                queries: measured.queries,
            });
        }
        if self.json {
            status.failed_files = self.failures.then_some(failures);
            write_document(out, &status)?;
        } else if self.failures {
            for row in &failures {
                writeln!(out, "{}: {}", shown_path(&row.file), plain(&row.reason))?;
            }
        } else {
            status.write(&library, out)?;
        }
        Ok(Outcome::Done)
    }
}

impl Status {
    fn read(library: &Library, failures: usize) -> Result<Self> {
        let images = library.images()?;
        let stats = library.index().stats()?;
        let row = |id| stats.spaces.iter().find(|row: &&SpaceStats| row.space.id == id);
        let items = |id| row(id).map_or(0, |row| row.items);
        let segments = row(images.id).into_iter().flat_map(|row| &row.segments);
        let mut roots = Vec::new();
        for (id, dir) in library.roots()? {
            let files = library.index().files(id).count();
            roots.push(RootRow {
                path: PathField::new(&dir),
                files,
                present: dir.is_dir(),
                dir,
            });
        }
        let banks = Bank::all(library)?.into_iter();
        let banks = banks.map(|bank| BankRow {
            name: bank.name().to_owned(),
            labels: items(bank.space().id),
        });
        Ok(Self {
            library: PathField::new(library.dir()),
            model: library.model_name()?,
            dim: images.dim,
            change: library.pending_change()?.map(|change| ChangeRow {
                model: change.model,
                photos: change.done,
            }),
            photos: items(images.id),
            search: library.index().plan(images.id, &SearchParams::default())?.to_string(),
            segments: segments.map(SegmentRow::new).collect(),
            unsealed: row(images.id).map_or(0, |row| row.unsealed),
            recall: None,
            disk_bytes: stats.disk_bytes,
            roots,
            banks: banks.collect(),
            failures,
            failed_files: None,
        })
    }

    fn write(&self, library: &Library, out: &mut dyn Write) -> Result<()> {
        let megabytes = self.disk_bytes as f64 / 1e6;
        writeln!(out, "library   {} ({megabytes:.1} MB)", plain_path(library.dir()))?;
        writeln!(out, "model     {}, {} dimensions", self.model, self.dim)?;
        if let Some(ChangeRow { model, photos }) = &self.change {
            let (model, total) = (plain(model), counted(self.photos, "photograph"));
            writeln!(
                out,
                "change    to model {model}: {photos} of {total} embedded; `clipdex index --model '{model}'` goes on"
            )?;
        }
        writeln!(out, "photos    {}", counted(self.photos, "photograph"))?;
        writeln!(out, "search    {}", self.search)?;
        if let Some(recall) = &self.recall {
            writeln!(out, "recall    {recall}")?;
        }
        for root in &self.roots {
            let missing = if root.present { "" } else { ", not there now" };
            writeln!(
                out,
                "root      {} ({}{missing})",
                plain_path(&root.dir),
                counted(root.files, "file")
            )?;
        }
        for bank in &self.banks {
            writeln!(out, "labels    {} ({})", bank.name, counted(bank.labels, "label"))?;
        }
        if self.failures > 0 {
            writeln!(
                out,
                "failures  {}; --failures lists them",
                counted(self.failures, "failure")
            )?;
        }
        Ok(())
    }
}

impl SegmentRow {
    fn new(segment: &SegmentStats) -> Self {
        Self {
            photos: segment.items,
            dead: segment.dead,
            graph: segment.graph,
            bytes: segment.bytes,
        }
    }
}

impl fmt::Display for RecallRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = [(self.photos, "photographs"), (self.labels, "labels")];
        let shares = measured
            .iter()
            .filter_map(|(share, what)| Some((share.as_ref()?, what)));
        let shares: Vec<_> = shares.map(|(share, what)| format!("{share:.3} for {what}")).collect();
        if shares.is_empty() {
            return f.write_str("too few photographs to measure it");
        }
        write!(f, "{} (at most {} of each)", shares.join(", "), self.queries)
    }
}

fn failures(library: &Library) -> Result<Vec<FailureRow>> {
    let roots = library.roots()?;
    let mut rows = Vec::new();
    for failure in library.index().failures() {
        let (root, relative, record) = failure?;
        if let Some((_, dir)) = roots.iter().find(|(id, _)| *id == root) {
            let file = dir.join(bytes_to_path(&relative)?);
            let path = PathField::new(&file);
            rows.push(FailureRow {
                path,
                reason: record.reason,
                size: record.size,
                mtime_ns: record.mtime_ns,
                failed_at_unix: record.failed_at_unix,
                transient: record.transient,
                file,
            });
        }
    }
    Ok(rows)
}
