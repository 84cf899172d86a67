use std::io::Write;

use anyhow::Result;
use clap::Args;
use clipdex_index::{Fault, Problem, RepairSummary};
use serde::Serialize;

use super::compact::compact;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{counted, plain, write_document};
use crate::cli::{Global, Outcome};
use crate::library::{Library, verify};

/// Check the library against itself
///
/// Reads everything: records, vectors, files and their contents' hashes must agree, and every file that searches use
/// must be what was written and lead to every photograph. Ends with 2 where something is wrong.
#[derive(Args)]
pub(in crate::cli) struct VerifyArgs {
    /// Make anew what is derived, and forget photographs whose records are damaged: the next `clipdex index` reads their
    /// files again
    #[arg(long)]
    repair: bool,

    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// Check, repair and tune the library
///
/// As `verify --repair`; then it measures what searches find of the nearest photographs, and compacts where that has
/// become too little.
#[derive(Args)]
pub(in crate::cli) struct DoctorArgs {
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// How a fault of the database is called in JSON.
const DATABASE: &str = "database";

/// Searches that find less than this are worth a new graph.
const LEAST_RECALL: f32 = 0.95;

#[derive(Serialize, Default)]
struct Report {
    problems: Vec<ProblemRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Repaired>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recall: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compacted: Option<bool>,
}

#[derive(Serialize)]
struct ProblemRow {
    place: String,
    detail: String,
    fault: &'static str,
}

#[derive(Serialize)]
struct Repaired {
    photos_lost: u64,
    files_lost: u64,
    problems_left: usize,
}

impl VerifyArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let mut report = Report::default();
        let library = if self.repair {
            open_mended(global)?
        } else {
            global.open()?
        };
        let problems = check(&library, &mut report)?;
        drop(library);
        let sound = problems.is_empty() || self.repair && repair(global, &problems, &mut report)?;
        report.write(self.json, out)?;
        Ok(if sound { Outcome::Done } else { Outcome::Failed })
    }
}

impl DoctorArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let mut report = Report::default();
        let library = open_mended(global)?;
        let problems = check(&library, &mut report)?;
        let sound = problems.is_empty() || repair(global, &problems, &mut report)?;
        let recall = global.open()?.recall()?;
        report.recall = [recall.own, recall.training].into_iter().flatten().reduce(f32::min);
        if sound && report.recall.is_some_and(|recall| recall < LEAST_RECALL) {
            let interrupt = Interrupt::install(global.quiet)?;
            let summary = compact(global, &mut global.open_for_writing()?, &interrupt)?;
            report.compacted = summary.map(|summary| summary.written);
        }
        report.write(self.json, out)?;
        Ok(if sound { Outcome::Done } else { Outcome::Failed })
    }
}

/// The library, without what was committed behind a damaged place of its log.
fn open_mended(global: &Global) -> Result<Library> {
    let (library, mended) = Library::open_mended(&global.library_dir()?)?;
    if mended {
        global.remark(
            "the log of the last commits was damaged: what came behind the damage is lost; `clipdex index` reads those \
             files again",
        );
    }
    Ok(library)
}

fn check(library: &Library, report: &mut Report) -> Result<Vec<Problem>> {
    let problems = verify(library)?;
    report.problems = problems.iter().map(ProblemRow::new).collect();
    Ok(problems)
}

/// Mends what can be mended; whether nothing is left to mend.
fn repair(global: &Global, problems: &[Problem], report: &mut Report) -> Result<bool> {
    if problems.iter().any(|problem| problem.fault == Fault::Database) {
        global.remark(
            "the database itself is damaged, which nothing here mends: `clipdex export --salvage` writes what can be read \
             of it; then make a new library with `clipdex index`",
        );
        return Ok(false);
    }
    let mut writer = global.open_for_writing()?;
    let RepairSummary {
        items_lost, files_lost, ..
    } = writer.index_mut().repair(problems)?;
    writer.settle_all(&())?;
    let left = verify(writer.library())?;
    report.repaired = Some(Repaired {
        photos_lost: items_lost,
        files_lost,
        problems_left: left.len(),
    });
    Ok(left.is_empty())
}

impl ProblemRow {
    fn new(problem: &Problem) -> Self {
        Self {
            place: problem.place.clone(),
            detail: problem.detail.clone(),
            fault: match problem.fault {
                Fault::Segment { .. } => "segment",
                Fault::Database => DATABASE,
                _ => "records",
            },
        }
    }
}

impl Report {
    fn remedy(&self) -> &'static str {
        if self.problems.iter().any(|problem| problem.fault == DATABASE) {
            "`clipdex export --salvage` writes what can be read"
        } else {
            "`clipdex verify --repair` mends"
        }
    }

    fn write(&self, json: bool, out: &mut dyn Write) -> Result<()> {
        if json {
            write_document(out, self)?;
            return Ok(());
        }
        for problem in &self.problems {
            writeln!(out, "{}: {}", plain(&problem.place), plain(&problem.detail))?;
        }
        match &self.repaired {
            None if self.problems.is_empty() => writeln!(out, "the library agrees with itself")?,
            None => writeln!(out, "{}; {}", counted(self.problems.len(), "problem"), self.remedy())?,
            Some(Repaired {
                photos_lost,
                files_lost,
                problems_left,
            }) => {
                let are = if *problems_left == 1 { "is" } else { "are" };
                writeln!(out, "repaired; {} {are} left", counted(*problems_left, "problem"))?;
                if photos_lost + files_lost > 0 {
                    writeln!(
                        out,
                        "forgotten were {} and {}; `clipdex index` reads the files again",
                        counted(*photos_lost, "item"),
                        counted(*files_lost, "file")
                    )?;
                }
            }
        }
        if let Some(recall) = self.recall {
            writeln!(out, "searches find {:.1}% of the nearest photographs", recall * 100.0)?;
        }
        if self.compacted == Some(true) {
            writeln!(out, "compacted, for that was too little")?;
        }
        Ok(())
    }
}
