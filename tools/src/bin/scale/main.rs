//! The life of a large library, measured: writing, sealing, opening, searching, filtering, deleting, compacting. Each
//! phase is a process of its own, so that its memory is its own; each figure is a line: phase, figure, value.
//!
//! `cargo run --release --locked -p clipdex-tools --bin scale -- DIR WORK`, with DIR as `clip_like_vectors` writes it

mod filters;
mod life;
mod searches;
mod table;
mod vectors;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use clipdex_index::{Index, Space};

use table::Table;

/// The space of the vectors that are searched.
const IMAGES: &str = "images";
/// The space of the queries that its graph learns from.
const TEXTS: &str = "texts";
/// Kinds of query: of each there is a file KIND-queries.f32.
const KINDS: [&str; 2] = ["image", "text"];
/// Results asked for.
const K: usize = 10;

#[derive(Clone, Parser)]
struct Args {
    /// Directory with base.f32, image-queries.f32, text-queries.f32 and training.f32
    directory: PathBuf,
    /// Directory for the library, and for what a phase leaves to the next; a whole life begins with none
    work: PathBuf,
    /// Values a vector
    #[arg(long, default_value_t = 512)]
    dim: usize,
    /// Queries of each kind, at most
    #[arg(long, default_value_t = 1_000)]
    queries: usize,
    /// Threads that seal; all without it
    #[arg(long)]
    threads: Option<usize>,
    /// This phase alone, on what others left
    #[arg(long)]
    phase: Option<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// Vectors into the database
    Write,
    /// One segment with a graph
    Seal,
    /// Opening, and the first answer
    Open,
    /// The exact scan, whose answers are the truth that the next searches are compared with
    Scan,
    /// What searches find, and how many a second
    Search,
    /// The same with filters
    Filter,
    /// One item in ten
    Delete,
    /// One segment without what was deleted
    Compact,
}

/// A whole life.
const LIFE: [Phase; 14] = [
    Phase::Write,
    Phase::Seal,
    Phase::Open,
    Phase::Scan,
    Phase::Search,
    Phase::Filter,
    Phase::Delete,
    Phase::Scan,
    Phase::Search,
    Phase::Filter,
    Phase::Compact,
    Phase::Scan,
    Phase::Search,
    Phase::Filter,
];

fn main() -> Result<()> {
    let args = Args::parse();
    match args.phase {
        Some(phase) => run(phase, &args),
        None => LIFE.iter().try_for_each(|phase| in_a_process(*phase, &args)),
    }
}

fn in_a_process(phase: Phase, args: &Args) -> Result<()> {
    if phase == Phase::Write {
        ensure!(
            !args.work.exists(),
            "{} is there already; name another directory, or remove it",
            args.work.display()
        );
    }
    let name = phase.to_possible_value().context("a phase without a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([&args.directory, &args.work]);
    command.args(["--dim", &args.dim.to_string(), "--queries", &args.queries.to_string()]);
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    let status = command.args(["--phase", name.get_name()]).status()?;
    ensure!(status.success(), "phase {} failed: {status}", name.get_name());
    Ok(())
}

fn run(phase: Phase, args: &Args) -> Result<()> {
    let table = Table::begin(&title(phase, args)?);
    match phase {
        Phase::Write => life::write(args, &table)?,
        Phase::Seal | Phase::Compact => life::seal(args, &table)?,
        Phase::Open => life::open(args, &table)?,
        Phase::Scan => searches::scan(args, &table)?,
        Phase::Search => searches::search(args, &table)?,
        Phase::Filter => filters::filter(args, &table)?,
        Phase::Delete => life::delete(args, &table)?,
    }
    table.end(&args.library())
}

/// The phase's name, and what became of the library before it.
fn title(phase: Phase, args: &Args) -> Result<String> {
    let name = format!("{phase:?}").to_lowercase();
    if !matches!(phase, Phase::Scan | Phase::Search | Phase::Filter) {
        return Ok(name);
    }
    let (index, space) = args.open()?;
    let stats = index.stats()?;
    let dead = |stats: &clipdex_index::SpaceStats| stats.segments.iter().any(|segment| segment.dead > 0);
    let after = if stats.spaces.iter().any(dead) {
        ", deleted"
    } else if index.item(space.id, life::first_deleted())?.is_none() {
        ", compacted"
    } else {
        ""
    };
    Ok(name + after)
}

impl Args {
    fn library(&self) -> PathBuf {
        self.work.join("library")
    }

    /// The library, for reading, and the space of its images.
    fn open(&self) -> Result<(Index, Space)> {
        let index = Index::open(&self.library())?;
        let space = index
            .space(IMAGES)?
            .context("the library has no images: write them first")?;
        Ok((index, space))
    }

    /// Queries of a kind.
    fn queries(&self, kind: &str) -> Result<Vec<Vec<f32>>> {
        let file = self.directory.join(format!("{kind}-queries.f32"));
        let rows = vectors::Rows::open(&file, self.dim)?.take(self.queries)?;
        Ok(rows.chunks_exact(self.dim).map(<[f32]>::to_vec).collect())
    }
}
