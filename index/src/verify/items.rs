//! Items, keys and vectors of a space.

use std::collections::BTreeSet;

use super::Problems;
use crate::error::Result;
use crate::matrix::decode_unit;
use crate::store::codec::{ItemRecord, KeyRecord, Record};
use crate::store::{Cf, Store, keys};
use crate::types::{ItemId, Space};

/// Checks that each item has its key and its vector, and that there are no others; the ids of the items.
pub(super) fn check(store: &Store, space: &Space, problems: &mut Problems) -> Result<BTreeSet<ItemId>> {
    let ids = check_records(store, space, problems)?;
    let mut key_count = 0;
    let mut scan = store.scan(Cf::Keys, &keys::space(space.id));
    while scan.advance()?.is_some() {
        key_count += 1;
    }
    let vector_count = check_vectors(store, space, &ids, problems)?;
    for (what, count) in [("keys", key_count), ("vectors", vector_count)] {
        if count != ids.len() {
            problems.add(&space.name, format_args!("{count} {what} for {} items", ids.len()));
        }
    }
    Ok(ids)
}

fn check_records(store: &Store, space: &Space, problems: &mut Problems) -> Result<BTreeSet<ItemId>> {
    let name = space.name.as_str();
    let mut ids = BTreeSet::new();
    let mut scan = store.scan(Cf::Items, &keys::space(space.id));
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
    Ok(ids)
}

/// How many vectors there are.
fn check_vectors(store: &Store, space: &Space, ids: &BTreeSet<ItemId>, problems: &mut Problems) -> Result<usize> {
    let name = space.name.as_str();
    let mut count = 0;
    let mut scan = store.scan(Cf::Vectors, &keys::space(space.id));
    while let Some((key, value)) = scan.advance()? {
        let Some((_, id)) = problems.take(name, keys::parse_item(key)) else {
            continue;
        };
        count += 1;
        if let Err(error) = decode_unit(name, space.dim, value) {
            problems.add(name, format_args!("the vector of {id}: {error}"));
        }
        if !ids.contains(&id) {
            problems.add(name, format_args!("the vector of {id} has no item"));
        }
    }
    Ok(count)
}
