//! Checking a library against itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::error::Result;
use crate::reader::Index;
use crate::store::codec::{ItemRecord, KeyRecord, Record, decode_vector};
use crate::store::{Cf, Store, keys};
use crate::types::{FileRecord, ItemId, Space, SpaceId};

/// Something in a library that does not agree with the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The space's name, or the part of the library.
    pub place: String,
    /// What is wrong, for people.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.detail)
    }
}

/// Checks counters, the references between items, keys, vectors and files, and the checksums of segments. Reads
/// everything; a writer should not be at work meanwhile.
///
/// # Errors
/// When the database itself cannot be read. A record that cannot be decoded is a problem, not an error.
pub fn verify(index: &Index) -> Result<Vec<Problem>> {
    let mut problems = Problems::default();
    let spaces = index.spaces()?;
    let mut items = BTreeMap::new();
    for space in &spaces {
        let ids = check_items(index.store(), space, &mut problems)?;
        check_segment(index, space, &ids, &mut problems)?;
        items.insert(space.id, ids);
    }
    check_files(index.store(), &items, &mut problems)?;
    check_owners(index.store(), &items, &mut problems)?;
    Ok(problems.found)
}

#[derive(Default)]
struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, place: &str, detail: impl fmt::Display) {
        self.found.push(Problem {
            place: place.to_owned(),
            detail: detail.to_string(),
        });
    }

    /// The value, or none and a problem.
    fn take<T>(&mut self, place: &str, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(place, error)).ok()
    }
}

/// Items, keys and vectors of a space; the ids of its items.
fn check_items(store: &Store, space: &Space, problems: &mut Problems) -> Result<BTreeSet<ItemId>> {
    let name = space.name.as_str();
    let prefix = keys::space(space.id);
    let mut ids = BTreeSet::new();
    let mut scan = store.scan(Cf::Items, &prefix);
    while let Some((key, value)) = scan.advance()? {
        let Some((_, id)) = problems.take(name, keys::parse_item(key)) else {
            continue;
        };
        ids.insert(id);
        let Some(record) = problems.take(name, ItemRecord::decode(value)) else {
            continue;
        };
        let back = store.record::<KeyRecord>(Cf::Keys, &keys::item_key(space.id, &record.key));
        if problems
            .take(name, back)
            .is_some_and(|back| back.is_none_or(|back| back.id != id))
        {
            problems.add(name, format_args!("the key of item {id} leads elsewhere"));
        }
    }
    let (mut key_count, mut vector_count) = (0, 0);
    let mut scan = store.scan(Cf::Keys, &prefix);
    while scan.advance()?.is_some() {
        key_count += 1;
    }
    let mut scan = store.scan(Cf::Vectors, &prefix);
    while let Some((key, value)) = scan.advance()? {
        let Some((_, id)) = problems.take(name, keys::parse_item(key)) else {
            continue;
        };
        problems.take(name, decode_vector(value, space.dim, &mut Vec::new()));
        vector_count += 1;
        if !ids.contains(&id) {
            problems.add(name, format_args!("the vector of {id} has no item"));
        }
    }
    for (what, count) in [("keys", key_count), ("vectors", vector_count)] {
        if count != ids.len() {
            problems.add(name, format_args!("{count} {what} for {} items", ids.len()));
        }
    }
    Ok(ids)
}

/// Counters, the partition into sealed and unsealed items, and the segment file.
fn check_segment(index: &Index, space: &Space, ids: &BTreeSet<ItemId>, problems: &mut Problems) -> Result<()> {
    let name = space.name.as_str();
    let Some(shape) = problems.take(name, index.shape(space.id)) else {
        return Ok(());
    };
    let mut unsealed = BTreeSet::new();
    let mut scan = index.store().scan(Cf::Unsealed, &keys::space(space.id));
    while let Some((key, _)) = scan.advance()? {
        unsealed.extend(problems.take(name, keys::parse_item(key)).map(|(_, id)| id));
    }
    for (what, counter, counted) in [
        ("items", shape.counters.items, ids.len() as u64),
        ("unsealed items", shape.counters.unsealed, unsealed.len() as u64),
    ] {
        if counter != counted {
            problems.add(
                name,
                format_args!("the counter says {counter} {what}, there are {counted}"),
            );
        }
    }
    if ids.last().is_some_and(|last| *last >= shape.counters.next_item) {
        problems.add(
            name,
            format_args!("the next id, {}, is in use", shape.counters.next_item),
        );
    }
    if let Some(problem) = &shape.problem {
        problems.add(name, problem);
        return Ok(());
    }
    let mut covered = unsealed;
    if let Some(sealed) = &shape.sealed {
        if !sealed.segment.checksum_holds(&sealed.record) {
            problems.add(
                name,
                format_args!("segment {}: the checksum does not hold", sealed.record.name),
            );
        }
        let rows = sealed.segment.ids().iter().enumerate();
        for id in rows.filter(|(row, _)| !sealed.dead.contains(*row)).map(|(_, id)| *id) {
            if !covered.insert(id) {
                problems.add(name, format_args!("item {id} is both sealed and unsealed"));
            }
        }
    }
    if covered != *ids {
        let differing = covered.symmetric_difference(ids).count();
        problems.add(
            name,
            format_args!("{differing} items are not searched, or searched and not there"),
        );
    }
    Ok(())
}

/// Files and their reverse.
fn check_files(store: &Store, items: &BTreeMap<SpaceId, BTreeSet<ItemId>>, problems: &mut Problems) -> Result<()> {
    const PLACE: &str = "files";
    let (mut files, mut links) = (0, 0);
    let mut scan = store.scan(Cf::Files, &[]);
    while let Some((key, value)) = scan.advance()? {
        files += 1;
        let Some((root, rel)) = problems.take(PLACE, keys::parse_file(key)) else {
            continue;
        };
        let Some(record) = problems.take(PLACE, FileRecord::decode(value)) else {
            continue;
        };
        let shown = String::from_utf8_lossy(rel);
        if store.get(Cf::Roots, &keys::root(root))?.is_none() {
            problems.add(PLACE, format_args!("{shown:?} has no root"));
        }
        if !items.get(&record.space).is_some_and(|ids| ids.contains(&record.item)) {
            problems.add(
                PLACE,
                format_args!("{shown:?} names item {}, which is not there", record.item),
            );
        }
        let link = keys::item_file(record.space, record.item, root, rel);
        if store.get(Cf::ItemFiles, &link)?.is_none() {
            problems.add(PLACE, format_args!("{shown:?} is not among the files of its item"));
        }
    }
    let mut scan = store.scan(Cf::ItemFiles, &[]);
    while scan.advance()?.is_some() {
        links += 1;
    }
    if files != links {
        problems.add(PLACE, format_args!("{files} files, {links} names of items"));
    }
    Ok(())
}

/// Entries of spaces that are not there.
fn check_owners(store: &Store, items: &BTreeMap<SpaceId, BTreeSet<ItemId>>, problems: &mut Problems) -> Result<()> {
    for cf in Cf::OF_A_SPACE {
        let mut strays = 0;
        let mut scan = store.scan(cf, &[]);
        while let Some((key, _)) = scan.advance()? {
            let owner = keys::parse_item_key(key).map(|(space, _)| space);
            strays += usize::from(!owner.is_ok_and(|space| items.contains_key(&space)));
        }
        if strays > 0 {
            problems.add(cf.name(), format_args!("{strays} entries of spaces that are not there"));
        }
    }
    Ok(())
}
