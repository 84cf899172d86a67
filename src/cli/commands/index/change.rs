use anyhow::Result;

use super::report::Reporter;
use crate::cli::output::{counted, plain_path};
use crate::cli::{Global, Outcome};
use crate::ingest::{Options, check_roots, reembed_photos};
use crate::labels::{reembed_examples, reembed_labels};
use crate::library::ModelChange;

/// Changes the library to the model that was asked for, where it has another.
pub(super) fn change_model(global: &Global, options: &Options, reporter: &Reporter<'_>) -> Result<Outcome> {
    let Some(asked) = &global.model else {
        return Ok(Outcome::Done);
    };
    let Some(mut change) = ModelChange::begin(&global.library_dir()?, asked)? else {
        return Ok(Outcome::Done);
    };
    change = change.with_precision(global.precision()).with_device(global.device);
    let (old, new) = (change.library().model_name()?, change.model().identity().name.clone());
    global.remark(&format!(
        "the library changes from model '{old}' to '{new}'; it answers with the old one until all is embedded anew"
    ));
    if !options.prune {
        check_roots(change.library())?;
    }
    // Labels first, for the photographs' graph learns from their texts.
    if !reporter.during("labels", |progress| reembed_labels(&mut change, progress))? {
        return Ok(Outcome::Interrupted);
    }
    let photos = reporter.during("photos", |progress| reembed_photos(&mut change, options, progress))?;
    if photos.interrupted {
        return Ok(Outcome::Interrupted);
    }
    let examples = reporter.during("examples", |progress| reembed_examples(&mut change, progress))?;
    if examples.interrupted {
        return Ok(Outcome::Interrupted);
    }
    change.finish()?;
    for path in &examples.lost {
        global.remark(&format!(
            "an example of a label cannot be found any more and is forgotten: '{}'",
            plain_path(path)
        ));
    }
    global.remark(&format!(
        "the library has changed to model '{new}': {} embedded anew",
        counted(photos.embedded, "photograph")
    ));
    Ok(Outcome::Done)
}
