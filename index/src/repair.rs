//! Making anew what is derived, where it does not agree with what is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::Result;
use crate::matrix::decode_unit;
use crate::store::codec::{Counters, ItemRecord, KeyRecord, Record};
use crate::store::{Cf, Changes, Store, keys};
use crate::types::{FileRecord, ItemId, Space, SpaceId};
use crate::verify::{Fault, Problem};
use crate::writer::Writer;

/// What a repair had to let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairSummary {
    /// Items forgotten, for their record or vector is gone or damaged.
    pub items_lost: u64,
    /// Files forgotten, for the item that they name is not there; a later run reads them again.
    pub files_lost: u64,
    /// Whether records were made anew, beyond segments.
    pub records: bool,
}

impl Writer {
    /// Mends what [`verify`](crate::verify()) found, as far as the database can be read: damaged segments are no
    /// longer believed, so that the next [`Writer::settle`] makes them anew; where records disagree, keys, the files of
    /// items, counters and the division into sealed and unsealed are made anew from items, vectors and files. All in one
    /// commit.
    ///
    /// # Errors
    /// When the database cannot be read or written; nothing is changed then.
    pub fn repair(&mut self, problems: &[Problem]) -> Result<RepairSummary> {
        for space in self.index().spaces()? {
            self.abandon_job(space.id)?;
        }
        for problem in problems {
            if let Fault::Segment { name } = &problem.fault {
                self.note_damaged(name);
            }
        }
        let mut summary = RepairSummary::default();
        if problems
            .iter()
            .all(|problem| matches!(problem.fault, Fault::Segment { .. }))
        {
            return Ok(summary);
        }
        summary.records = true;
        let spaces = self.index().spaces()?;
        let store = self.index().store();
        let mut changes = Changes::default();
        let mut whole = BTreeMap::new();
        for cf in [Cf::Keys, Cf::Unsealed, Cf::Segments, Cf::ItemFiles] {
            clear_all(store, &mut changes, cf)?;
        }
        for space in &spaces {
            let kept = rebuild_space(store, space, &mut changes, &mut summary)?;
            whole.insert(space.id, kept);
        }
        remove_strays(store, &whole, &mut changes)?;
        rebuild_files(store, &whole, &mut changes, &mut summary)?;
        self.index().write(&changes, spaces.iter().map(|space| space.id))?;
        self.remove_unnamed_segments()?;
        Ok(summary)
    }
}

/// Deletes what there is of a column family, whichever space it belongs to.
fn clear_all(store: &Store, changes: &mut Changes, cf: Cf) -> Result<()> {
    let mut scan = store.scan(cf, &[]);
    while let Some((key, _)) = scan.advance()? {
        changes.delete(cf, key);
    }
    Ok(())
}

/// Keys, counters and unsealed items of a space from its items and vectors; the items that are whole.
fn rebuild_space(
    store: &Store,
    space: &Space,
    changes: &mut Changes,
    summary: &mut RepairSummary,
) -> Result<BTreeSet<ItemId>> {
    let vectors = sound_vectors(store, space)?;
    let mut owners: HashMap<Vec<u8>, ItemId> = HashMap::new();
    let mut scan = store.scan(Cf::Items, &keys::space(space.id));
    while let Some((key, value)) = scan.advance()? {
        if let (Ok((_, id)), Ok(record)) = (keys::parse_item(key), ItemRecord::decode(value))
            && vectors.contains(&id)
        {
            // Of two items with one key the later one stays.
            owners.insert(record.key, id);
        }
    }
    let kept: BTreeSet<ItemId> = owners.values().copied().collect();
    let (mut lost, mut last) = (BTreeSet::new(), kept.last().copied());
    for cf in [Cf::Items, Cf::Vectors] {
        let mut scan = store.scan(cf, &keys::space(space.id));
        while let Some((key, _)) = scan.advance()? {
            let id = keys::parse_item(key).ok().map(|(_, id)| id);
            if !id.is_some_and(|id| kept.contains(&id)) {
                changes.delete(cf, key);
                lost.extend(id);
                last = last.max(id);
            }
        }
    }
    summary.items_lost += lost.len() as u64;
    for (key, id) in owners {
        changes.put_record(Cf::Keys, keys::item_key(space.id, &key), &KeyRecord { id })?;
        changes.put(Cf::Unsealed, keys::item(space.id, id), Vec::new());
    }
    let old = store.record::<Counters>(Cf::Meta, &keys::counters(space.id));
    let old = old.ok().flatten().unwrap_or_default();
    let counters = Counters {
        next_item: old.next_item.max(last.map_or(0, |last| last.saturating_add(1))),
        items: kept.len() as u64,
        unsealed: kept.len() as u64,
        revision: old.revision.saturating_add(1),
    };
    changes.put_record(Cf::Meta, keys::counters(space.id), &counters)?;
    Ok(kept)
}

fn sound_vectors(store: &Store, space: &Space) -> Result<BTreeSet<ItemId>> {
    let mut sound = BTreeSet::new();
    let mut scan = store.scan(Cf::Vectors, &keys::space(space.id));
    while let Some((key, value)) = scan.advance()? {
        let unit = decode_unit(&space.name, space.dim, value);
        if let (Ok((_, id)), Ok(_)) = (keys::parse_item(key), unit) {
            sound.insert(id);
        }
    }
    Ok(sound)
}

/// Deletes items and vectors of spaces that are not there.
fn remove_strays(store: &Store, spaces: &BTreeMap<SpaceId, BTreeSet<ItemId>>, changes: &mut Changes) -> Result<()> {
    for cf in [Cf::Items, Cf::Vectors] {
        let mut scan = store.scan(cf, &[]);
        while let Some((key, _)) = scan.advance()? {
            if !keys::parse_item(key).is_ok_and(|(space, _)| spaces.contains_key(&space)) {
                changes.delete(cf, key);
            }
        }
    }
    Ok(())
}

/// The files of items from the files that name items which are there.
fn rebuild_files(
    store: &Store,
    items: &BTreeMap<SpaceId, BTreeSet<ItemId>>,
    changes: &mut Changes,
    summary: &mut RepairSummary,
) -> Result<()> {
    let mut scan = store.scan(Cf::Files, &[]);
    while let Some((key, value)) = scan.advance()? {
        let there = |record: &FileRecord| items.get(&record.space).is_some_and(|ids| ids.contains(&record.item));
        let record = FileRecord::decode(value).ok().filter(there);
        match (keys::parse_file(key), record) {
            (Ok((root, rel)), Some(record)) if store.get(Cf::Roots, &keys::root(root))?.is_some() => {
                changes.put(
                    Cf::ItemFiles,
                    keys::item_file(record.space, record.item, root, rel),
                    Vec::new(),
                );
            }
            _ => {
                changes.delete(Cf::Files, key);
                summary.files_lost += 1;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
