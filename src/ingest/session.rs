//! One run over one or more directories.

use std::collections::HashMap;
use std::path::Path;

use clipdex_index::ItemId;

use super::commit::{Committer, remove_gone};
use super::embed::Embedder;
use super::plan::{Gone, Known, Plan};
use super::prepare::Preparer;
use super::scope::Scope;
use super::walk::{Candidate, Walk, walk};
use super::{IngestError, Observer, Options, Sealing, Summary, pipeline, was_cancelled};
use crate::encoder::ImageEncoder;
use crate::library::LibraryWriter;

/// Brings a library up to date with directories, one after another.
///
/// What is gone is forgotten last, when all directories have been looked through: a photograph that moved from one to
/// another has its new name by then, and need not be embedded again.
pub struct Ingest<'a> {
    writer: &'a mut LibraryWriter,
    options: &'a Options,
    encoder: Option<Box<dyn ImageEncoder>>,
    dirs: Vec<Updated>,
    /// Of each photograph, the directories (by number) in which new files of it were found.
    copies: HashMap<ItemId, Vec<usize>>,
}

/// A directory whose new and changed files are committed.
struct Updated {
    scope: Scope,
    gone: Gone,
    summary: Summary,
}

impl<'a> Ingest<'a> {
    /// Begins a run.
    pub fn new(writer: &'a mut LibraryWriter, options: &'a Options) -> Self {
        Self {
            writer,
            options,
            encoder: None,
            dirs: Vec::new(),
            copies: HashMap::new(),
        }
    }

    /// Takes in what is new or changed below `dir`.
    ///
    /// A photograph that cannot be read or decoded is recorded with its reason and does not end the run.
    ///
    /// # Errors
    /// The directory cannot be opened, it shows nothing where it showed something (see [`Options::prune`]), or the library
    /// or the encoder fails. What was committed by then is kept.
    pub fn update(&mut self, dir: &Path, observer: &dyn Observer) -> Result<(), IngestError> {
        let options = self.options;
        let (scope, walk, known) = self.look(dir, observer)?;
        let plan = Plan::new(&walk, &known, options.retry_failed);
        observer.planned(plan.read.len());

        let mut committer = Committer::new(self.writer, &scope, &known, observer);
        committer.carry(&plan, &walk)?;
        let mut work = plan.read;
        while !work.is_empty() {
            let encoder = match &mut self.encoder {
                Some(encoder) => encoder,
                none => none.insert(committer.model().image_encoder()?),
            };
            take_in(&work, encoder.as_ref(), &mut committer, options, observer)?;
            work = committer.take_lost();
        }
        let (summary, copies) = committer.finish();
        for item in copies {
            self.copies.entry(item).or_default().push(self.dirs.len());
        }
        let gone = plan.gone;
        self.dirs.push(Updated { scope, gone, summary });
        Ok(())
    }

    /// What there is below `dir`, and what the library knows of it.
    fn look(&mut self, dir: &Path, observer: &dyn Observer) -> Result<(Scope, Walk, Known), IngestError> {
        let prune = self.options.prune;
        let scope = Scope::resolve(self.writer, dir, prune)?;
        let walk = if scope.present {
            walk(&scope.dir, self.writer.library().dir(), &|found| {
                observer.found(found);
                !observer.cancelled()
            })?
        } else {
            Walk::default()
        };
        let known = Known::read(self.writer.library().index(), &scope)?;
        match known.check_emptied(&walk, &scope) {
            Err(error) if !prune => {
                if scope.is_new {
                    self.writer.index_mut().remove_root(scope.root)?;
                }
                Err(error)
            }
            _ => Ok((scope, walk, known)),
        }
    }

    /// Forgets what is gone and brings the library to where searches are quick. What became of each directory, in the
    /// order of the updates that went well.
    ///
    /// # Errors
    /// The library fails. What was committed by then is kept.
    pub fn finish(mut self, observer: &dyn Observer) -> Result<Vec<Summary>, IngestError> {
        let mut interrupted = observer.cancelled();
        if !interrupted {
            for number in 0..self.dirs.len() {
                self.remove_gone(number)?;
            }
            observer.sealing();
            interrupted = was_cancelled(self.writer.settle(&Sealing(observer)).map(drop))?;
        }
        Ok(self.summaries(interrupted))
    }

    /// Ends the run after an error: nothing is forgotten. What became of each directory, in the order of the updates
    /// that went well.
    pub fn abandon(self) -> Vec<Summary> {
        self.summaries(true)
    }

    fn summaries(self, interrupted: bool) -> Vec<Summary> {
        let summaries = self.dirs.into_iter().map(|dir| dir.summary);
        summaries.map(|summary| Summary { interrupted, ..summary }).collect()
    }

    /// Forgets the files that a directory has lost. Those whose photographs were found elsewhere have been renamed.
    fn remove_gone(&mut self, number: usize) -> Result<(), IngestError> {
        let Some(Updated { scope, gone, .. }) = self.dirs.get(number) else {
            return Ok(());
        };
        let mut removed = 0;
        for item in remove_gone(self.writer, scope, gone)? {
            let found = self.copies.get_mut(&item).and_then(Vec::pop);
            match found.and_then(|found| self.dirs.get_mut(found)) {
                Some(found) => {
                    found.summary.copied -= 1;
                    found.summary.renamed += 1;
                }
                None => removed += 1,
            }
        }
        if let Some(Updated { scope, summary, .. }) = self.dirs.get_mut(number) {
            summary.removed = removed;
            if !scope.present && scope.dir == scope.root_dir {
                self.writer.index_mut().remove_root(scope.root)?;
            }
        }
        Ok(())
    }
}

/// Takes files through the stages, from reading to the commit.
fn take_in(
    work: &[Candidate],
    encoder: &dyn ImageEncoder,
    committer: &mut Committer<'_>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), IngestError> {
    let preparer = Preparer::new(committer.index(), committer.images(), encoder, options);
    let mut embedder = Embedder::new(encoder);
    pipeline::run(
        work,
        options,
        observer,
        |candidate| preparer.read(candidate),
        |file| preparer.prepare(file),
        |prepared| embedder.embed(prepared),
        |embedded| committer.commit(embedded),
    )
}
