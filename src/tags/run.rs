//! Tagging all photographs of a library: what is to be compared, and the commits.

use std::collections::{BTreeMap, HashMap};

use clipdex_index::{ItemId, Rows, Space};
use serde::Serialize;

use super::TagError;
use super::compare::{Comparison, Tally, copy_row};
use super::records::{PhotoTagsRecord, TagsRecord};
use super::stored::photo_tags;
use crate::labels::{Bank, Logits, Taught, WorkProgress};
use crate::library::{Library, LibraryError, LibraryWriter, Record, TAGS};

/// Photographs that are compared and committed together: a killed run loses at most these.
const PHOTOS_A_COMMIT: usize = 8_192;
/// Items that are deleted in one commit.
const DELETED_A_COMMIT: usize = 10_000;
/// Labels that are kept of a photograph, at least: with those that it is not tagged with, a kind of thing is found whose
/// kinds share its probability.
const KEPT: usize = 32;
/// The space of tags is of no encoder, so that nothing takes its vectors for queries.
const NO_ENCODER: [u8; 32] = [0; 32];

/// How photographs are tagged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TagOptions {
    /// The least probability of a tag, 0 to 1.
    pub min_prob: f32,
    /// Tags of a photograph, at most.
    pub top: usize,
    /// What logits are divided by, positive.
    pub temperature: f32,
}

/// What tagging did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TagOutcome {
    /// Photographs that were compared with every label.
    pub compared: usize,
    /// Photographs that were compared with new labels alone.
    pub extended: usize,
    /// Photographs whose tags are as they were.
    pub unchanged: usize,
    /// Photographs that are not in the library any more, whose tags went.
    pub removed: usize,
    /// Whether the run was cut short; the next one goes on from there.
    pub interrupted: bool,
}

/// Brings the tags of all photographs out of a bank up to date: new photographs are compared with all labels, the others
/// with new labels. All are compared anew where labels were changed or removed, or the temperature is another.
///
/// # Errors
/// The library has no photographs, or cannot be written.
pub fn tag(
    writer: &mut LibraryWriter,
    bank: &Bank,
    options: &TagOptions,
    progress: &dyn WorkProgress,
) -> Result<TagOutcome, TagError> {
    let library = writer.library().clone();
    let index = library.index();
    let photos = index.rows(writer.images().id)?;
    if photos.is_empty() {
        return Err(LibraryError::NoPhotos(library.dir().to_path_buf()).into());
    }
    let labels = index.rows(bank.space().id)?;
    let taught = bank.taught(&library, &labels)?;
    let logits = Logits::new(writer.model().identity(), options.temperature);
    let made_of = |through| made_of(&labels, through, &taught, options.temperature);
    let (space, record) = open(writer, bank, labels.ids().last().copied(), &made_of, options)?;
    let plan = Plan::new(&library, &space, &record, &photos)?;

    let mut outcome = TagOutcome {
        removed: plan.stale.len(),
        ..TagOutcome::default()
    };
    delete(writer, &space, &plan.stale)?;
    let mut run = Run {
        writer,
        space,
        record: &record,
        photos: &photos,
        comparison: Comparison {
            labels: &labels,
            taught: &taught,
            logits,
            kept: record.kept as usize,
        },
    };
    progress.planned(plan.work.values().map(Vec::len).sum());
    outcome.unchanged = plan.unchanged;
    for (through, places) in plan.work {
        for places in places.chunks(PHOTOS_A_COMMIT) {
            if progress.cancelled() {
                outcome.interrupted = true;
                return Ok(outcome);
            }
            run.block(through, places)?;
            *(match through {
                Some(_) => &mut outcome.extended,
                None => &mut outcome.compared,
            }) += places.len();
            progress.committed(places.len());
        }
    }
    Ok(outcome)
}

/// The space of a bank's tags, and what its photographs are to be compared with from now on, which is stored before the
/// first of them is: whatever ends the run, each photograph's record tells what it lacks.
fn open(
    writer: &mut LibraryWriter,
    bank: &Bank,
    last_label: Option<ItemId>,
    made_of: &dyn Fn(ItemId) -> [u8; 32],
    options: &TagOptions,
) -> Result<(Space, TagsRecord), TagError> {
    let name = format!("{TAGS}{}", bank.name());
    let stored = writer.library().index().space(&name)?;
    let last = match &stored {
        Some(space) => Some(TagsRecord::decode(&space.attributes)?),
        None => None,
    };
    let through = last_label.unwrap_or_default();
    let goes_on = last.as_ref().is_some_and(|last| {
        last.bank == bank.space().id.0 && options.top <= last.kept as usize && last.made_of == made_of(last.through)
    });
    let (generation, kept) = match &last {
        Some(last) if goes_on => (last.generation, last.kept as usize),
        Some(last) => (last.generation + 1, options.top.max(KEPT)),
        None => (0, options.top.max(KEPT)),
    };
    let record = TagsRecord {
        bank: bank.space().id.0,
        generation,
        through,
        made_of: made_of(through),
        temperature: options.temperature,
        kept: u32::try_from(kept).unwrap_or(u32::MAX),
        top: u32::try_from(options.top).unwrap_or(u32::MAX),
        min_prob: options.min_prob,
    };
    let attributes = record.encode()?;
    let index = writer.index_mut();
    let space = match stored {
        Some(space) if space.attributes == attributes => space,
        Some(mut space) => {
            index.set_attributes(space.id, &attributes)?;
            space.attributes = attributes;
            space
        }
        None => index.create_space(&name, 1, NO_ENCODER, &attributes)?,
    };
    Ok((space, record))
}

/// The hash of what comparisons with the labels up to `through` are made of.
fn made_of(labels: &Rows, through: ItemId, taught: &Taught, temperature: f32) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&temperature.to_bits().to_le_bytes());
    hasher.update(&taught.digest());
    let mut bytes = Vec::new();
    for (place, id) in labels.ids().iter().enumerate().take_while(|(_, id)| **id <= through) {
        bytes.clear();
        bytes.extend(id.to_le_bytes());
        bytes.extend(labels.row(place).iter().flat_map(|value| value.to_le_bytes()));
        hasher.update(&bytes);
    }
    hasher.finalize().into()
}

/// What is to be done.
struct Plan {
    /// Places of photographs, by the last label that they have been compared with.
    work: BTreeMap<Option<ItemId>, Vec<usize>>,
    unchanged: usize,
    /// Items of tags whose photograph is gone.
    stale: Vec<ItemId>,
}

impl Plan {
    fn new(library: &Library, space: &Space, record: &TagsRecord, photos: &Rows) -> Result<Self, TagError> {
        let mut compared: HashMap<ItemId, ItemId> = HashMap::new();
        let mut stale = Vec::new();
        for item in library.index().items(space.id) {
            let item = item?;
            let tags = photo_tags(&item)?.filter(|(photo, _)| photos.ids().binary_search(photo).is_ok());
            match tags {
                Some((photo, tags)) if tags.generation == record.generation => {
                    compared.insert(photo, tags.through);
                }
                // Its tags will take the place of those of an older comparison.
                Some(_) => {}
                None => stale.push(item.id),
            }
        }
        let mut plan = Self {
            work: BTreeMap::new(),
            unchanged: 0,
            stale,
        };
        for (place, photo) in photos.ids().iter().enumerate() {
            let through = compared.get(photo).copied();
            if through == Some(record.through) {
                plan.unchanged += 1;
            } else {
                plan.work.entry(through).or_default().push(place);
            }
        }
        Ok(plan)
    }
}

fn delete(writer: &mut LibraryWriter, space: &Space, items: &[ItemId]) -> Result<(), TagError> {
    for items in items.chunks(DELETED_A_COMMIT) {
        let mut batch = writer.index_mut().batch();
        for item in items {
            batch.delete(space, *item)?;
        }
        batch.commit()?;
    }
    Ok(())
}

/// What all blocks of a run share.
struct Run<'a> {
    writer: &'a mut LibraryWriter,
    space: Space,
    record: &'a TagsRecord,
    photos: &'a Rows,
    comparison: Comparison<'a>,
}

impl Run<'_> {
    /// Compares the photographs in some places, all of which have been compared with the labels up to `through`, with the
    /// others, and commits what comes of it.
    fn block(&mut self, through: Option<ItemId>, places: &[usize]) -> Result<(), TagError> {
        let dim = self.photos.dim();
        let mut vectors = vec![0.0; places.len() * dim];
        for (place, vector) in places.iter().zip(vectors.chunks_exact_mut(dim.max(1))) {
            copy_row(self.photos, *place, vector);
        }
        let labels = self.comparison.labels.ids();
        let first = through.map_or(0, |through| labels.partition_point(|label| *label <= through));
        let ids = places.iter().filter_map(|place| self.photos.ids().get(*place).copied());
        let ids: Vec<ItemId> = ids.collect();
        let mut tallies = self.tallies(through, &ids)?;
        self.comparison.add(&vectors, first..labels.len(), &mut tallies)?;
        self.commit(&ids, tallies)
    }

    fn tallies(&self, through: Option<ItemId>, photos: &[ItemId]) -> Result<Vec<Tally>, TagError> {
        let logits = self.comparison.logits;
        if through.is_none() {
            return Ok(vec![Tally::new(logits); photos.len()]);
        }
        let index = self.writer.library().index();
        let mut tallies = Vec::with_capacity(photos.len());
        for photo in photos {
            let id = index.id_of_key(self.space.id, &photo.to_be_bytes())?;
            let item = match id {
                Some(id) => index.item(self.space.id, id)?,
                None => None,
            };
            let kept = item.as_ref().map(photo_tags).transpose()?.flatten();
            let (_, kept) = kept.ok_or(LibraryError::Record(PhotoTagsRecord::WHAT))?;
            tallies.push(Tally::resumed(logits, kept.log_sum, kept.best));
        }
        Ok(tallies)
    }

    fn commit(&mut self, photos: &[ItemId], tallies: Vec<Tally>) -> Result<(), TagError> {
        let TagsRecord {
            generation, through, ..
        } = *self.record;
        let mut batch = self.writer.index_mut().batch();
        for (photo, tally) in photos.iter().zip(tallies) {
            let (log_sum, best) = tally.into_kept();
            let record = PhotoTagsRecord {
                generation,
                through,
                log_sum,
                best,
            };
            batch.upsert(&self.space, &photo.to_be_bytes(), &[1.0], &record.encode()?)?;
        }
        batch.commit()?;
        Ok(())
    }
}
