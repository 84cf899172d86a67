use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use super::open_to_change;
use crate::cli::output::{SCHEMA, counted, plain_path, write_json};
use crate::cli::{Global, Outcome, complain};
use crate::labels::{Bank, BankWriter, Calibration, Labelled, LabelledFiles, Quality, calibrate};
use crate::library::LibraryWriter;
use crate::query::vectors_of;

/// Memory for the cosines of photographs with labels. Where there are more photographs, some are taken evenly.
const COSINES: usize = 512 << 20;
/// Unknown names that are told.
const TOLD: usize = 5;

/// Fit a bank's probabilities to labelled photographs
///
/// A temperature is fitted under which the right labels are likeliest, and kept with the bank; --temperature goes before
/// it. What is said of the result was judged on other photographs than it was fitted on.
#[derive(Args)]
pub(super) struct CalibrateArgs {
    /// Name of the bank
    #[arg(value_name = "BANK")]
    bank: String,

    /// A directory with a directory of photographs for each label, named by the label's identifier or name; or with
    /// photographs named IDENTIFIER_anything.jpg
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Write the summary as one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    labels: &'a str,
    photos: usize,
    #[serde(flatten)]
    calibration: &'a Calibration,
}

impl CalibrateArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let mut writer = open_to_change(global)?;
        let bank = Bank::open(writer.library(), &self.bank)?;
        let found = LabelledFiles::find(&self.dir, &bank.labels(writer.library())?)?;
        self.remark_unknown(global, &found);
        let (photos, failed) = photos(&writer, &bank, &found, global)?;
        if photos.len() < 2 {
            bail!(
                "'{}' has {} of labels of bank '{}', and a temperature is fitted to two at least; name \
                 directories as labels, or photographs IDENTIFIER_anything.jpg",
                plain_path(&self.dir),
                counted(photos.len(), "photograph"),
                self.bank
            );
        }
        let calibration = calibrate(writer.model().identity(), &photos);
        BankWriter::new(&mut writer).set_temperature(&self.bank, Some(calibration.temperature))?;
        if self.json {
            let document = Document {
                schema: SCHEMA,
                labels: &self.bank,
                photos: photos.len(),
                calibration: &calibration,
            };
            write_json(out, &document)?;
        } else {
            self.write_table(photos.len(), &calibration, out)?;
        }
        Ok(if failed { Outcome::Failed } else { Outcome::Done })
    }

    fn remark_unknown(&self, global: &Global, found: &LabelledFiles) {
        if found.unknown.is_empty() {
            return;
        }
        let names = found.unknown.iter().take(TOLD).filter_map(|path| path.file_name());
        let names: Vec<_> = names.map(|name| plain_path(name.as_ref())).collect();
        let more = if found.unknown.len() > TOLD { ", …" } else { "" };
        global.remark(&format!(
            "{} in '{}', of no label of the bank or of several, left out: {}{more}",
            counted(found.unknown.len(), "name"),
            plain_path(&self.dir),
            names.join(", ")
        ));
    }

    fn write_table(&self, photos: usize, calibration: &Calibration, out: &mut dyn Write) -> Result<()> {
        let Calibration {
            temperature,
            before,
            after,
        } = calibration;
        writeln!(
            out,
            "{}: temperature {temperature:.3}, fitted on {photos} photographs",
            self.bank
        )?;
        writeln!(out, "{:<28}{:>8}{:>8}", "", "before", "after")?;
        let measures = |quality: &Quality| {
            [
                quality.accuracy,
                quality.negative_log_likelihood,
                quality.calibration_error,
            ]
        };
        let names = [
            "top-1 accuracy",
            "negative log-likelihood",
            "expected calibration error",
        ];
        for ((name, before), after) in names.into_iter().zip(measures(before)).zip(measures(after)) {
            writeln!(out, "  {name:<26}{before:>8.3}{after:>8.3}")?;
        }
        Ok(())
    }
}

/// The photographs' cosines with the labels; whether one could not be read.
fn photos(
    writer: &LibraryWriter,
    bank: &Bank,
    found: &LabelledFiles,
    global: &Global,
) -> Result<(Vec<Labelled>, bool)> {
    let library = writer.library();
    let zero_shot = bank.zero_shot(library, writer.model().identity())?;
    let most = (COSINES / size_of::<f32>() / zero_shot.ids().len().max(1)).max(2);
    let step = found.files.len().div_ceil(most).max(1);
    if step > 1 {
        global.remark(&format!(
            "there are more photographs than are needed; one in {step} is taken"
        ));
    }
    let (files, labels): (Vec<_>, Vec<_>) = found.files.iter().step_by(step).cloned().unzip();
    let (mut photos, mut failed) = (Vec::new(), false);
    for (vector, label) in vectors_of(library, writer.model(), &files)?.into_iter().zip(labels) {
        match vector {
            Ok(vector) => photos.push(Labelled {
                cosines: zero_shot.cosines(&vector)?,
                label,
            }),
            Err(error) => {
                complain(&error);
                failed = true;
            }
        }
    }
    Ok((photos, failed))
}
