//! A label bank: a named space of prompt vectors in the library.

use std::collections::{BTreeMap, HashMap};

use clipdex_index::{ItemId, SealOptions, Space};
use serde::Serialize;

use super::records::{BankRecord, LabelRecord};
use super::{Label, LabelError, LabelSource, PromptTemplate, ZeroShot};
use crate::encoder::Identity;
use crate::library::{Library, LibraryError, LibraryWriter, Record};

/// Prompts that are embedded and committed together: a killed run loses at most these.
pub(super) const PROMPTS_A_COMMIT: usize = 1024;

/// Bank names are space names behind this prefix.
pub(super) const PREFIX: &str = "bank:";

const MAX_NAME_CHARS: usize = 100;

/// Recognition compares an image with every label, so a graph over a bank would serve nobody.
pub(super) const SCANNED: SealOptions = SealOptions {
    graph_min_items: usize::MAX,
    threads: None,
};

/// A bank that was opened for reading.
#[derive(Clone, Debug)]
pub struct Bank {
    space: Space,
    record: BankRecord,
}

impl Bank {
    /// Opens the bank called `name`.
    pub fn open(library: &Library, name: &str) -> Result<Self, LabelError> {
        match library.index().space(&space_name(name)?)? {
            Some(space) => Ok(Self::of(space)?),
            None => {
                let names: Vec<_> = Self::all(library)?.iter().map(|bank| bank.name().to_owned()).collect();
                let known = match names.as_slice() {
                    [] => format!("add one with `clipdex label add {name} FILE`"),
                    names => format!("it has {}", names.join(", ")),
                };
                Err(LabelError::UnknownBank {
                    name: name.to_owned(),
                    known,
                })
            }
        }
    }

    /// Every bank of the library, by name.
    pub fn all(library: &Library) -> Result<Vec<Self>, LabelError> {
        let mut banks = Vec::new();
        for space in library.index().spaces()? {
            if space.name.starts_with(PREFIX) {
                banks.push(Self::of(space)?);
            }
        }
        banks.sort_by(|a, b| a.space.name.cmp(&b.space.name));
        Ok(banks)
    }

    fn of(space: Space) -> Result<Self, LibraryError> {
        let record = BankRecord::decode(&space.attributes)?;
        Ok(Self { space, record })
    }

    /// Name of the bank.
    pub fn name(&self) -> &str {
        self.space.name.strip_prefix(PREFIX).unwrap_or(&self.space.name)
    }

    /// The space that holds the bank's vectors.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Where its labels came from last.
    pub fn source(&self) -> &str {
        &self.record.source
    }

    /// The prompt template of its vectors.
    pub fn template(&self) -> &str {
        &self.record.template
    }

    /// Number of labels.
    pub fn len(&self, library: &Library) -> Result<u64, LabelError> {
        Ok(library.index().count(self.space.id)?)
    }

    /// The labels, in the order in which they were added.
    pub fn labels(&self, library: &Library) -> Result<Vec<Label>, LabelError> {
        Ok(stored_labels(library, &self.space)?
            .into_iter()
            .map(|(_, record)| record.label)
            .collect())
    }

    /// One label.
    pub fn label(&self, library: &Library, item: ItemId) -> Result<Option<Label>, LabelError> {
        let Some(item) = library.index().item(self.space.id, item)? else {
            return Ok(None);
        };
        Ok(Some(LabelRecord::decode(&item.payload)?.label))
    }

    /// Loads the bank's vectors for recognition by the encoder that made them.
    pub fn zero_shot(&self, library: &Library, encoder: &Identity) -> Result<ZeroShot, LabelError> {
        Ok(ZeroShot::new(library.index().rows(self.space.id)?, encoder))
    }
}

/// What is told while labels are embedded.
pub trait AddProgress {
    /// So many prompts are to be embedded.
    fn planned(&self, prompts: usize);
    /// So many more are embedded, and durable.
    fn committed(&self, prompts: usize);
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
    writer: &'a mut LibraryWriter,
}

impl<'a> BankWriter<'a> {
    /// Over an open library.
    pub fn new(writer: &'a mut LibraryWriter) -> Self {
        Self { writer }
    }

    /// Adds the labels of `source` to the bank `name`, which is made where it is missing. Labels with the same key are
    /// replaced, and only new or changed prompts are embedded. `template` is the bank's own where it has one, and the
    /// whole bank is embedded again where it changes.
    pub fn add(
        &mut self,
        name: &str,
        source: &LabelSource,
        template: Option<PromptTemplate>,
        progress: &dyn AddProgress,
    ) -> Result<AddOutcome, LabelError> {
        let labels = source.read()?;
        let (space, template) = self.open(name, source, template)?;
        let mut outcome = AddOutcome::default();
        let work = self.plan(&space, labels, &template, &mut outcome)?;
        progress.planned(work.len());

        if !work.is_empty() {
            outcome.interrupted = !self.embed(&space, &work, progress)?;
        }
        self.writer.index_mut().seal_if_due(&space, &SCANNED)?;
        Ok(outcome)
    }

    /// Embeds and commits the prompts, some at a time; false where it was cut short.
    fn embed(&mut self, space: &Space, work: &[PromptWork], progress: &dyn AddProgress) -> Result<bool, LabelError> {
        let encoder = self.writer.model().text_encoder()?;
        for chunk in work.chunks(PROMPTS_A_COMMIT) {
            if progress.cancelled() {
                return Ok(false);
            }
            let prompts: Vec<&str> = chunk.iter().map(|work| work.prompt.as_str()).collect();
            let embeddings = encoder.embed(&prompts)?;
            let mut batch = self.writer.index_mut().batch();
            for (PromptWork { prompt, labels }, vector) in chunk.iter().zip(embeddings.rows()) {
                for label in labels {
                    let record = LabelRecord {
                        label: label.clone(),
                        prompt: prompt.clone(),
                    };
                    batch.upsert(space, label.key().as_bytes(), vector, &record.encode()?)?;
                }
            }
            batch.commit()?;
            progress.committed(chunk.len());
        }
        Ok(true)
    }

    /// Removes a bank with all of its labels.
    pub fn remove(&mut self, name: &str) -> Result<(), LabelError> {
        let bank = Bank::open(self.writer.library(), name)?;
        Ok(self.writer.index_mut().drop_space(bank.space.id)?)
    }

    /// Removes labels, given by key or name; those that the bank does not have come back.
    pub fn remove_labels(&mut self, name: &str, labels: &[String]) -> Result<Vec<String>, LabelError> {
        let bank = Bank::open(self.writer.library(), name)?;
        let stored = stored_labels(self.writer.library(), &bank.space)?;
        let mut batch = self.writer.index_mut().batch();
        let mut missing = Vec::new();
        for wanted in labels {
            let matches = |label: &Label| label.key() == wanted || label.name == *wanted;
            let mut found = stored.iter().filter(|(_, record)| matches(&record.label)).peekable();
            if found.peek().is_none() {
                missing.push(wanted.clone());
            }
            for (item, _) in found {
                batch.delete(&bank.space, *item)?;
            }
        }
        batch.commit()?;
        Ok(missing)
    }

    /// The bank's space and template, made or brought up to date.
    fn open(
        &mut self,
        name: &str,
        source: &LabelSource,
        template: Option<PromptTemplate>,
    ) -> Result<(Space, PromptTemplate), LabelError> {
        let space_name = space_name(name)?;
        let stored = match self.writer.library().index().space(&space_name)? {
            Some(space) => Some(BankRecord::decode(&space.attributes)?.template.parse()?),
            None => None,
        };
        let template: PromptTemplate = template.or(stored).unwrap_or_default();
        let record = BankRecord {
            source: source.to_string(),
            template: template.to_string(),
        };
        let attributes = record.encode()?;
        let identity = self.writer.model().identity().clone();
        let index = self.writer.index_mut();
        let mut space = index.create_space(&space_name, identity.dim, identity.fingerprint.0, &attributes)?;
        if space.attributes != attributes {
            index.set_attributes(space.id, &attributes)?;
            space.attributes = attributes;
        }
        Ok((space, template))
    }

    /// The prompts to embed. Labels whose vector stays are brought up to date at once. Stored labels of an older
    /// template, also those that `labels` lacks, are part of the work.
    fn plan(
        &mut self,
        space: &Space,
        labels: Vec<Label>,
        template: &PromptTemplate,
        outcome: &mut AddOutcome,
    ) -> Result<Vec<PromptWork>, LabelError> {
        let stored = stored_labels(self.writer.library(), space)?;
        let mut stored: BTreeMap<String, (ItemId, LabelRecord)> = stored
            .into_iter()
            .map(|(item, record)| (record.label.key().to_owned(), (item, record)))
            .collect();
        let mut work = Work::default();
        let mut batch = self.writer.index_mut().batch();
        for label in labels {
            let prompt = template.render(&label.name);
            match stored.remove(label.key()) {
                Some((_, record)) if record.label == label && record.prompt == prompt => outcome.unchanged += 1,
                Some((item, record)) if record.prompt == prompt => {
                    batch.set_payload(space, item, &LabelRecord { label, prompt }.encode()?)?;
                    outcome.updated += 1;
                }
                found => {
                    *(if found.is_some() {
                        &mut outcome.updated
                    } else {
                        &mut outcome.added
                    }) += 1;
                    work.add(prompt, label);
                }
            }
        }
        outcome.kept = stored.len();
        for (_, LabelRecord { label, prompt }) in stored.into_values() {
            let wanted = template.render(&label.name);
            if wanted != prompt {
                work.add(wanted, label);
            }
        }
        batch.commit()?;
        Ok(work.prompts)
    }
}

/// A prompt to embed, and the labels that want its vector.
struct PromptWork {
    prompt: String,
    labels: Vec<Label>,
}

/// Prompts in the order of their first labels, each once.
#[derive(Default)]
struct Work {
    prompts: Vec<PromptWork>,
    places: HashMap<String, usize>,
}

impl Work {
    fn add(&mut self, prompt: String, label: Label) {
        let place = *self.places.entry(prompt.clone()).or_insert(self.prompts.len());
        match self.prompts.get_mut(place) {
            Some(work) => work.labels.push(label),
            None => self.prompts.push(PromptWork {
                prompt,
                labels: vec![label],
            }),
        }
    }
}

fn space_name(bank: &str) -> Result<String, LabelError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if bank.is_empty() || bank.len() > MAX_NAME_CHARS || !bank.chars().all(is_plain) {
        return Err(LabelError::BadName(bank.to_owned()));
    }
    Ok(format!("{PREFIX}{bank}"))
}

fn stored_labels(library: &Library, space: &Space) -> Result<Vec<(ItemId, LabelRecord)>, LabelError> {
    let mut labels = Vec::new();
    for item in library.index().items(space.id) {
        let item = item?;
        labels.push((item.id, LabelRecord::decode(&item.payload)?));
    }
    Ok(labels)
}
