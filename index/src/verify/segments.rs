//! Counters, the partition of items into segments and unsealed ones, and the segments' files.

use std::collections::BTreeSet;

use super::Problems;
use crate::error::Result;
use crate::graph::GraphView;
use crate::matrix::Matrix;
use crate::reader::Index;
use crate::store::{Cf, Store, keys};
use crate::types::{ItemId, Space};
use crate::view::{Sealed, Shape};

/// Vectors that are compared at a time.
const AT_ONCE: usize = 4096;

/// Checks what is derived of a space with the items `ids`.
pub(super) fn check(index: &Index, space: &Space, ids: &BTreeSet<ItemId>, problems: &mut Problems) -> Result<()> {
    let name = space.name.as_str();
    let shape = index.shape(space.id)?;
    let unsealed = unsealed(index.store(), space)?;
    check_counters(&shape, ids, &unsealed, problems);
    let mut whole = true;
    for broken in &shape.broken {
        problems.add_segment(name, &broken.record.name, &broken.problem);
        whole = false;
    }
    for sealed in &shape.sealed {
        if let Some(fault) = fault(index.store(), space, sealed)? {
            let segment = &sealed.record.name;
            problems.add_segment(name, segment, format_args!("segment {segment}: {fault}"));
            whole = false;
        }
    }
    // What a damaged file says of its items means nothing.
    if whole {
        check_partition(&shape, ids, unsealed, problems);
    }
    Ok(())
}

fn unsealed(store: &Store, space: &Space) -> Result<BTreeSet<ItemId>> {
    let scan = store.scan(Cf::Unsealed, &keys::space(space.id));
    scan.map(|key, _| Ok(keys::parse_item(key)?.1)).collect()
}

fn check_counters(shape: &Shape, ids: &BTreeSet<ItemId>, unsealed: &BTreeSet<ItemId>, problems: &mut Problems) {
    let (name, counters) = (shape.space.name.as_str(), &shape.counters);
    for (what, counter, counted) in [
        ("items", counters.items, ids.len() as u64),
        ("unsealed items", counters.unsealed, unsealed.len() as u64),
    ] {
        if counter != counted {
            problems.add(
                name,
                format_args!("the counter says {counter} {what}, there are {counted}"),
            );
        }
    }
    if ids.last().is_some_and(|last| *last >= counters.next_item) {
        problems.add(name, format_args!("the next id, {}, is in use", counters.next_item));
    }
}

/// Every item is unsealed or holds in one segment.
fn check_partition(shape: &Shape, ids: &BTreeSet<ItemId>, unsealed: BTreeSet<ItemId>, problems: &mut Problems) {
    let name = shape.space.name.as_str();
    let mut covered = unsealed;
    for (_, id) in shape.sealed.iter().flat_map(Sealed::live_rows) {
        if !covered.insert(id) {
            problems.add(name, format_args!("item {id} is searched twice"));
        }
    }
    if covered != *ids {
        let differing = covered.symmetric_difference(ids).count();
        problems.add(
            name,
            format_args!("{differing} items are not searched, or searched and not there"),
        );
    }
}

/// What is wrong with a segment's file, if anything is.
fn fault(store: &Store, space: &Space, sealed: &Sealed) -> Result<Option<String>> {
    if !sealed.segment.checksum_holds(&sealed.record) {
        return Ok(Some("the checksum does not hold".to_owned()));
    }
    let differing = differing(store, space, sealed)?;
    if differing > 0 {
        return Ok(Some(format!("{differing} vectors are not those of the database")));
    }
    let unreached = sealed
        .segment
        .graph()
        .map_or(0, |graph| unreached(&graph, sealed.segment.ids().len()));
    Ok((unreached > 0).then(|| format!("its graph does not lead to {unreached} vectors")))
}

/// Live rows whose vector is not the database's.
fn differing(store: &Store, space: &Space, sealed: &Sealed) -> Result<usize> {
    let rows: Vec<_> = sealed.live_rows().collect();
    let mut differing = 0;
    for rows in rows.chunks(AT_ONCE) {
        let ids: Vec<_> = rows.iter().map(|(_, id)| *id).collect();
        let stored = Matrix::load_ids(store, space.id, space.dim, &ids)?;
        let mut stored = stored.ids.iter().zip(stored.vectors.chunks_exact(space.dim)).peekable();
        for (row, id) in rows {
            let same = stored
                .next_if(|(of, _)| *of == id)
                .is_some_and(|(_, vector)| vector == sealed.vector(*row, space.dim));
            differing += usize::from(!same);
        }
    }
    Ok(differing)
}

/// Rows that no walk from the entry point leads to.
fn unreached(graph: &GraphView<'_>, rows: usize) -> usize {
    let mut reached = vec![false; rows];
    let mut open = vec![graph.entry];
    let mut left = rows;
    while let Some(row) = open.pop() {
        let row = row as usize;
        match reached.get_mut(row) {
            Some(mark) if !*mark => *mark = true,
            _ => continue,
        }
        left -= 1;
        let start = row.saturating_mul(graph.stride);
        let neighbours = graph.level0.get(start..start.saturating_add(graph.stride));
        open.extend(neighbours.unwrap_or_default());
    }
    left
}
