mod export;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::classify::{TemperatureArg, probability};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::TagSummary;
use crate::cli::progress::Watcher;
use crate::cli::{Global, Outcome};
use crate::labels::{Bank, Taxonomy};
use crate::library::{Library, LibraryWriter};
use crate::tags::{self, StoredTags, TagOptions};

/// Tag all photographs of the library out of a label bank
///
/// The tags are kept: `clipdex search --where tag:LABEL` finds by them. Run again, only new photographs and new labels are
/// compared. Photographs themselves are never changed.
#[derive(Args)]
pub(in crate::cli) struct TagArgs {
    /// Label bank, as `clipdex label list` shows them
    #[arg(short, long, value_name = "BANK")]
    labels: String,

    /// The least probability of a tag, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.1, value_parser = probability, allow_negative_numbers = true)]
    min_prob: f32,

    /// Tags of a photograph, at most
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,

    #[command(flatten)]
    temperature: TemperatureArg,

    /// Write the tags as well: every file with its tags, or an XMP sidecar for each
    #[arg(long, value_name = "FORMAT")]
    export: Option<ExportFormat>,

    /// Where --export writes: a directory for xmp, a file for the others [default: standard output]
    #[arg(
        short,
        long,
        value_name = "DIR|FILE",
        requires = "export",
        required_if_eq("export", "xmp")
    )]
    out: Option<PathBuf>,

    /// Write over sidecars that are not of clipdex's making
    #[arg(long, requires = "export")]
    force: bool,

    /// Write the summary as one JSON document
    #[arg(long, conflicts_with = "export")]
    json: bool,
}

/// How tags are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// A line a tag
    Csv,
    /// A line a file
    Jsonl,
    /// A sidecar a file, NAME.jpg.xmp, below --out as the photographs lie below their directory
    Xmp,
}

impl TagArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        // Opening for writing would make a library where there is none.
        Bank::open(&Library::open(&global.library_dir()?)?, &self.labels)?;
        let watcher = Watcher::new("photographs", global.quiet, &Interrupt::install(global.quiet)?);
        let mut writer = global.open_for_writing()?;
        let bank = Bank::open(writer.library(), &self.labels)?;
        let options = TagOptions {
            min_prob: self.min_prob,
            top: usize::from(self.top),
            temperature: self.temperature.of(&bank),
        };
        let outcome = tags::tag(&mut writer, &bank, &options, &watcher)?;
        watcher.finish();
        if outcome.interrupted {
            global.remark("interrupted; what was committed is kept, and the same command goes on from there");
            return Ok(Outcome::Interrupted);
        }
        let Some(stored) = StoredTags::open(writer.library(), bank, writer.model().identity())? else {
            return Ok(Outcome::Nothing);
        };
        if let Some(format) = self.export {
            return self.export(format, &writer, &stored, global, out);
        }
        let summary = TagSummary::new(writer.library(), &stored, &outcome)?;
        if self.json {
            summary.write_json(out)?;
        } else {
            summary.write_table(out)?;
        }
        if !summary.any() {
            global.remark(&format!(
                "no label of '{}' reaches a probability of {}; `clipdex label calibrate` makes probabilities mean what they \
                 say, and --min-prob takes less likely ones",
                self.labels, self.min_prob
            ));
        }
        Ok(Outcome::Done)
    }

    fn export(
        &self,
        format: ExportFormat,
        writer: &LibraryWriter,
        stored: &StoredTags,
        global: &Global,
        out: &mut dyn Write,
    ) -> Result<Outcome> {
        let (items, labels): (Vec<_>, Vec<_>) = stored.bank().items(writer.library())?.into_iter().unzip();
        let tags = export::Tags {
            library: writer.library(),
            images: writer.images(),
            stored,
            items: &items,
            labels: &labels,
        };
        match (format, &self.out) {
            (ExportFormat::Xmp, Some(dir)) => {
                let taxonomy = Taxonomy::new(&labels)?;
                tags.write_sidecars(&taxonomy, dir, self.force, global)
            }
            (format, Some(file)) => {
                let mut file = export::create(file)?;
                let outcome = tags.write_rows(format == ExportFormat::Csv, &mut file)?;
                file.flush()?;
                Ok(outcome)
            }
            (format, None) => tags.write_rows(format == ExportFormat::Csv, out),
        }
    }
}
