//! Changing label banks.

use std::collections::{BTreeMap, BTreeSet};

use clipdex_index::{Batch, ItemId, Space};
use serde::Serialize;

use super::bank::{space_name, stored_labels};
use super::embedding::{Embedded, Work};
use super::examples::ExamplesChange;
use super::prompts::Prompts;
use super::records::{BankRecord, Digest, LabelRecord};
use super::{Bank, Label, LabelError, LabelSource, RecipeChange, TemplateSet};
use crate::library::{EXAMPLES, LibraryWriter, Record, SCANNED, TAGS};

/// What is told of work that is done and committed some at a time: prompts to embed, photographs to tag.
pub trait WorkProgress {
    /// So many are to be done.
    fn planned(&self, count: usize);
    /// So many more are done, and durable.
    fn committed(&self, count: usize);
    /// Whether to stop after the present batch.
    fn cancelled(&self) -> bool;
}

/// What adding labels did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AddOutcome {
    /// New labels.
    pub added: usize,
    /// Known labels with another name, definition, or prompt.
    pub updated: usize,
    /// Known labels that are as they were.
    pub unchanged: usize,
    /// Labels of the bank that the source does not have; they stay.
    pub kept: usize,
    /// Whether the run was cut short; the next one goes on from there.
    pub interrupted: bool,
}

/// Changes banks.
pub struct BankWriter<'a> {
    pub(super) writer: &'a mut LibraryWriter,
}

impl<'a> BankWriter<'a> {
    /// Over an open library.
    pub fn new(writer: &'a mut LibraryWriter) -> Self {
        Self { writer }
    }

    /// Adds the labels of `source` to the bank `name`, which is made where it is missing. Labels with the same key are
    /// replaced, and only those are embedded whose prompts are new or others than before. `change` says what is to be
    /// another in the bank's recipe, which reaches every label of the bank. A new bank of sentences has no templates,
    /// unless it says so.
    ///
    /// # Errors
    /// The source cannot be read, or the library or the encoder fails. What was committed by then is kept, and the same
    /// call goes on from there.
    pub fn add(
        &mut self,
        name: &str,
        source: &LabelSource,
        change: &RecipeChange,
        progress: &dyn WorkProgress,
    ) -> Result<AddOutcome, LabelError> {
        let labels = source.read()?;
        let is_new = self.writer.library().index().space(&space_name(name)?)?.is_none();
        let mut record = self.record(name)?;
        record.source = source.to_string();
        let mut recipe = change.apply(&record.recipe);
        let sentences = labels.iter().filter(|label| label.is_sentence()).count();
        if is_new && change.templates.is_none() && sentences * 2 > labels.len() {
            recipe.templates = TemplateSet::none();
        }
        if recipe != record.recipe {
            // It was fitted to the vectors of the old one.
            record.temperature = None;
            record.recipe = recipe;
        }
        self.update(name, &record, labels, None, progress)
    }

    /// Sets what logits of the bank are divided by before they become probabilities; none means the model's own scale.
    ///
    /// # Errors
    /// There is no such bank, or the library cannot be written.
    pub fn set_temperature(&mut self, name: &str, temperature: Option<f32>) -> Result<(), LabelError> {
        let bank = Bank::open(self.writer.library(), name)?;
        let record = BankRecord {
            temperature,
            ..bank.record().clone()
        };
        self.open(name, &record)?;
        Ok(())
    }

    /// Removes a bank with all of its labels and their examples, and the tags that photographs have out of it.
    ///
    /// # Errors
    /// There is no such bank, or the library cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<(), LabelError> {
        let bank = Bank::open(self.writer.library(), name)?;
        let mut spaces = vec![bank.space().id];
        for prefix in [EXAMPLES, TAGS] {
            let space = self.writer.library().index().space(&format!("{prefix}{name}"))?;
            spaces.extend(space.map(|space| space.id));
        }
        Ok(self.writer.index_mut().drop_spaces(&spaces)?)
    }

    /// Removes labels with their examples, given by key or name; those that the bank does not have come back. Labels whose
    /// names are no longer shared are embedded anew.
    ///
    /// # Errors
    /// There is no such bank, or the library or the encoder fails.
    pub fn remove_labels(
        &mut self,
        name: &str,
        labels: &[String],
        progress: &dyn WorkProgress,
    ) -> Result<Vec<String>, LabelError> {
        let bank = Bank::open(self.writer.library(), name)?;
        let stored = stored_labels(self.writer.library().index(), bank.space())?;
        let (mut missing, mut found) = (Vec::new(), Vec::new());
        for wanted in labels {
            let before = found.len();
            found.extend(stored.iter().filter(|(_, record)| record.label.is_called(wanted)));
            if found.len() == before {
                missing.push(wanted.clone());
            }
        }
        let keys: Vec<&str> = found.iter().map(|(_, record)| record.label.key()).collect();
        let alongside = Alongside {
            removed: found.iter().map(|(item, _)| *item).collect(),
            examples: self.without_examples(name, &keys)?,
        };
        self.update(name, bank.record(), Vec::new(), Some(alongside), progress)?;
        Ok(missing)
    }

    /// Puts `labels` into the bank, in place of those with the same keys, and embeds what has other prompts than before
    /// by the recipe of `record`, in the whole bank. What is `alongside` comes in one commit with all of `labels`; without
    /// it they are committed some at a time.
    pub(super) fn update(
        &mut self,
        name: &str,
        record: &BankRecord,
        labels: Vec<Label>,
        alongside: Option<Alongside>,
        progress: &dyn WorkProgress,
    ) -> Result<AddOutcome, LabelError> {
        let together = if alongside.is_some() { labels.len() } else { 0 };
        let alongside = alongside.unwrap_or_default();
        let known = self.writer.library().index().space(&space_name(name)?)?;
        let plan = self.plan(known.as_ref(), record, labels, &alongside.removed)?;
        let mut outcome = plan.outcome;
        let mut work = Work::new(&plan.prompts, &plan.work);
        progress.planned(work.count());
        if progress.cancelled() {
            outcome.interrupted = true;
            return Ok(outcome);
        }
        let encoder = if work.is_empty() {
            None
        } else {
            Some(self.writer.model().text_encoder()?)
        };
        // Labels that were given come first.
        let first = match &encoder {
            Some(encoder) => work.embed_next(together, encoder.as_ref(), &|| progress.cancelled())?,
            None => Some(Embedded::default()),
        };
        let Some(first) = first else {
            outcome.interrupted = true;
            return Ok(outcome);
        };
        // Not before: a bank that cannot be filled is not made.
        let space = self.open(name, record)?;
        let mut batch = self.writer.index_mut().batch();
        for (item, record) in plan.payloads {
            batch.set_payload(&space, item, &record.encode()?)?;
        }
        alongside.write(&space, &mut batch)?;
        first.write(&space, &mut batch)?;
        batch.commit()?;
        progress.committed(first.prompts());
        if let Some(encoder) = encoder {
            outcome.interrupted = !work.run(encoder.as_ref(), self.writer.index_mut(), &space, progress)?;
        }
        self.writer.index_mut().seal_if_due(&space, &SCANNED)?;
        Ok(outcome)
    }

    /// What the library has of the bank, or a new bank's record.
    pub(super) fn record(&self, name: &str) -> Result<BankRecord, LabelError> {
        match self.writer.library().index().space(&space_name(name)?)? {
            Some(space) => Ok(BankRecord::decode(&space.attributes)?),
            None => Ok(BankRecord::default()),
        }
    }

    /// The bank's space with this record, made or brought up to date.
    fn open(&mut self, name: &str, record: &BankRecord) -> Result<Space, LabelError> {
        let space_name = space_name(name)?;
        let attributes = record.encode()?;
        let identity = self.writer.model().identity().clone();
        let index = self.writer.index_mut();
        let mut space = index.create_space(&space_name, identity.dim, identity.fingerprint.0, &attributes)?;
        if space.attributes != attributes {
            index.set_attributes(space.id, &attributes)?;
            space.attributes = attributes;
        }
        Ok(space)
    }

    /// What has to be done so that the bank, of which this is the space if it is there, has `labels` and lacks what is
    /// removed, and every vector is by the record's recipe.
    fn plan(
        &self,
        space: Option<&Space>,
        record: &BankRecord,
        labels: Vec<Label>,
        removed: &BTreeSet<ItemId>,
    ) -> Result<Plan, LabelError> {
        let stored = match space {
            Some(space) => stored_labels(self.writer.library().index(), space)?,
            None => Vec::new(),
        };
        let stored = stored.into_iter().filter(|(item, _)| !removed.contains(item));
        let mut stored: BTreeMap<String, (ItemId, LabelRecord)> = stored
            .map(|(item, record)| (record.label.key().to_owned(), (item, record)))
            .collect();
        let mut changes: Vec<Change> = labels
            .into_iter()
            .map(|label| Change {
                before: stored.remove(label.key()),
                label,
            })
            .collect();
        let given = changes.len();
        let mut outcome = AddOutcome {
            kept: stored.len(),
            ..AddOutcome::default()
        };
        changes.extend(stored.into_values().map(|(item, record)| Change {
            label: record.label.clone(),
            before: Some((item, record)),
        }));

        let all: Vec<&Label> = changes.iter().map(|change| &change.label).collect();
        let prompts = Prompts::new(&record.recipe, &all)?;
        let digests = prompts.digests(&all);
        let (mut payloads, mut work) = (Vec::new(), Vec::new());
        for (place, (change, digest)) in changes.into_iter().zip(digests).enumerate() {
            let due = change.due(digest);
            if place < given {
                match (&change.before, due) {
                    (None, _) => outcome.added += 1,
                    (Some(_), Due::Nothing) => outcome.unchanged += 1,
                    (Some(_), _) => outcome.updated += 1,
                }
            }
            let label = change.label;
            match due {
                Due::Nothing => {}
                Due::Payload(item) => payloads.push((item, LabelRecord { label, digest })),
                Due::Vector => work.push(label),
            }
        }
        Ok(Plan {
            prompts,
            payloads,
            work,
            outcome,
        })
    }
}

/// What is changed in one commit with labels that are put into a bank.
#[derive(Default)]
pub(super) struct Alongside {
    /// Labels that go.
    pub removed: BTreeSet<ItemId>,
    /// What changes among the bank's examples.
    pub examples: Option<ExamplesChange>,
}

impl Alongside {
    fn write(&self, bank: &Space, batch: &mut Batch<'_>) -> Result<(), LabelError> {
        for label in &self.removed {
            batch.delete(bank, *label)?;
        }
        self.examples.iter().try_for_each(|examples| examples.write(batch))
    }
}

/// A label of the bank as it is to be.
struct Change {
    before: Option<(ItemId, LabelRecord)>,
    label: Label,
}

/// What is to be done so that it is.
#[derive(Clone, Copy)]
enum Due {
    Nothing,
    Payload(ItemId),
    Vector,
}

impl Change {
    fn due(&self, digest: Digest) -> Due {
        match &self.before {
            Some((_, before)) if before.digest == digest && before.label == self.label => Due::Nothing,
            Some((item, before)) if before.digest == digest => Due::Payload(*item),
            _ => Due::Vector,
        }
    }
}

/// How a bank is brought up to date.
struct Plan {
    prompts: Prompts,
    /// Items whose vector stays and whose label is another.
    payloads: Vec<(ItemId, LabelRecord)>,
    /// Labels to embed, in the order in which they are committed.
    work: Vec<Label>,
    outcome: AddOutcome,
}
