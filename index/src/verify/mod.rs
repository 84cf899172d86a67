//! Checking a library against itself.

mod items;
mod segments;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::store::codec::Record;
use crate::store::{Cf, Store, keys};
use crate::types::{FileRecord, ItemId, SpaceId};

/// Something in a library that does not agree with the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The space's name, or the part of the library.
    pub place: String,
    /// What is wrong, for people.
    pub detail: String,
    /// What is at fault, and so what would mend it.
    pub fault: Fault,
}

/// What is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A segment file, which can be made anew from the database.
    Segment {
        /// Its name within the library's `segments` directory.
        name: String,
    },
    /// Records that disagree; what follows from others is made anew, and items that are not whole are forgotten.
    Records,
    /// The database cannot be read in this place. What can be read can be salvaged.
    Database,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.detail)
    }
}

/// Checks counters, the references between items, keys, vectors and files, and of each segment the checksum, the
/// vectors and whether its graph reaches every one. Reads everything, so that the database checks its own checksums; a
/// writer should not be at work meanwhile. Where the database cannot be read, that alone is reported.
///
/// # Errors
/// When the spaces cannot be listed. What cannot be read or decoded elsewhere is a problem, not an error.
pub fn verify(index: &Index) -> Result<Vec<Problem>> {
    let mut problems = Problems::default();
    let spaces = index.spaces()?;
    let mut items = BTreeMap::new();
    for space in &spaces {
        let name = space.name.as_str();
        let ids = items::check(index.store(), space, &mut problems);
        let ids = problems.take(name, ids).unwrap_or_default();
        let checked = segments::check(index, space, &ids, &mut problems);
        problems.take(name, checked);
        items.insert(space.id, ids);
    }
    let checked = check_files(index.store(), &items, &mut problems);
    problems.take(FILES, checked);
    let checked = check_owners(index.store(), &items, &mut problems);
    problems.take(FILES, checked);
    let checked = read_the_rest(index.store());
    problems.take("database", checked);
    if problems.found.iter().any(|problem| problem.fault == Fault::Database) {
        // What lies behind a place that cannot be read looks as if it were missing.
        problems.found.retain(|problem| problem.fault == Fault::Database);
    }
    Ok(problems.found)
}

/// The place of problems with files and their names of items.
const FILES: &str = "files";

#[derive(Default)]
struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, place: &str, detail: impl fmt::Display) {
        self.put(place, detail, Fault::Records);
    }

    fn add_segment(&mut self, place: &str, name: &str, detail: impl fmt::Display) {
        self.put(place, detail, Fault::Segment { name: name.to_owned() });
    }

    fn put(&mut self, place: &str, detail: impl fmt::Display, fault: Fault) {
        self.found.push(Problem {
            place: place.to_owned(),
            detail: detail.to_string(),
            fault,
        });
    }

    /// The value, or none and a problem.
    fn take<T>(&mut self, place: &str, result: Result<T>) -> Option<T> {
        let fault = |error: &IndexError| match error {
            IndexError::Database { .. } => Fault::Database,
            _ => Fault::Records,
        };
        result.map_err(|error| self.put(place, &error, fault(&error))).ok()
    }
}

/// Files and their reverse.
fn check_files(store: &Store, items: &BTreeMap<SpaceId, BTreeSet<ItemId>>, problems: &mut Problems) -> Result<()> {
    let (mut files, mut links) = (0, 0);
    let mut scan = store.scan(Cf::Files, &[]);
    while let Some((key, value)) = scan.advance()? {
        files += 1;
        let Some((root, rel)) = problems.take(FILES, keys::parse_file(key)) else {
            continue;
        };
        let Some(record) = problems.take(FILES, FileRecord::decode(value)) else {
            continue;
        };
        let shown = String::from_utf8_lossy(rel);
        if store.get(Cf::Roots, &keys::root(root))?.is_none() {
            problems.add(FILES, format_args!("{shown:?} has no root"));
        }
        if !items.get(&record.space).is_some_and(|ids| ids.contains(&record.item)) {
            problems.add(
                FILES,
                format_args!("{shown:?} names item {}, which is not there", record.item),
            );
        }
        let link = keys::item_file(record.space, record.item, root, rel);
        if store.get(Cf::ItemFiles, &link)?.is_none() {
            problems.add(FILES, format_args!("{shown:?} is not among the files of its item"));
        }
    }
    let mut scan = store.scan(Cf::ItemFiles, &[]);
    while scan.advance()?.is_some() {
        links += 1;
    }
    if files != links {
        problems.add(FILES, format_args!("{files} files, {links} names of items"));
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

/// Reads what no other check reads whole, so that the database checks it.
fn read_the_rest(store: &Store) -> Result<()> {
    for cf in [Cf::Meta, Cf::Spaces, Cf::Roots, Cf::Failures] {
        let mut scan = store.scan(cf, &[]);
        while scan.advance()?.is_some() {}
    }
    Ok(())
}
