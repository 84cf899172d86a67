use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clipdex_index::{SearchParams, SpaceStats};
use serde::Serialize;

use crate::cli::output::{PathField, plain, plain_path, shown_path, write_json};
use crate::cli::{Global, Outcome};
use crate::labels::Bank;
use crate::library::{Library, bytes_to_path};

/// Show what the library holds
#[derive(Args)]
pub(in crate::cli) struct StatusArgs {
    /// List the files that could not be used, each with its reason
    #[arg(long)]
    failures: bool,

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
    failed_at_unix: i64,
    #[serde(skip)]
    file: PathBuf,
}

impl StatusArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let library = global.open()?;
        let failures = failures(&library)?;
        let mut status = Status::read(&library, failures.len())?;
        if self.json {
            status.failed_files = self.failures.then_some(failures);
            write_json(out, &status)?;
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
        let items = |id| {
            stats
                .spaces
                .iter()
                .find(|row: &&SpaceStats| row.space.id == id)
                .map_or(0, |row| row.items)
        };
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
            let (model, total) = (plain(model), self.photos);
            writeln!(
                out,
                "change    to model {model}: {photos} of {total} photographs embedded; `clipdex index --model '{model}'` goes on"
            )?;
        }
        writeln!(out, "photos    {}", counted(self.photos as usize, "photograph"))?;
        writeln!(out, "search    {}", self.search)?;
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
            writeln!(
                out,
                "labels    {} ({})",
                bank.name,
                counted(bank.labels as usize, "label")
            )?;
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

fn failures(library: &Library) -> Result<Vec<FailureRow>> {
    let roots = library.roots()?;
    let mut rows = Vec::new();
    for failure in library.index().failures() {
        let (root, relative, record) = failure?;
        if let Some((_, dir)) = roots.iter().find(|(id, _)| *id == root) {
            let file = dir.join(bytes_to_path(&relative)?);
            let path = PathField::new(&file);
            let (reason, size, failed_at_unix) = (record.reason, record.size, record.failed_at_unix);
            rows.push(FailureRow {
                path,
                reason,
                size,
                failed_at_unix,
                file,
            });
        }
    }
    Ok(rows)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
