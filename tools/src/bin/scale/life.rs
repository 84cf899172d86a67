//! Writing, sealing, opening and deleting.

use std::time::Instant;

use anyhow::{Context, Result};
use clipdex_index::{ItemId, SealOptions, SearchParams, Space, Writer};

use crate::table::Table;
use crate::vectors::Rows;
use crate::{Args, IMAGES, K, KINDS, TEXTS};

/// Vectors committed together.
const BATCH: usize = 10_000;
/// One item in so many is deleted.
const DELETED: u64 = 10;

/// Writes images, and the texts that their graph learns from. An item's id is its row.
pub(crate) fn write(args: &Args, table: &Table) -> Result<()> {
    let mut writer = Writer::open(&args.library())?;
    for (name, file) in [(IMAGES, "base.f32"), (TEXTS, "training.f32")] {
        let space = writer.create_space(name, args.dim, [0; 32], b"")?;
        let start = Instant::now();
        let count = put(
            &mut writer,
            &space,
            &mut Rows::open(&args.directory.join(file), args.dim)?,
        )?;
        table.row(&format!("vectors, {name}"), count);
        table.seconds(&format!("writing, {name}"), start);
    }
    Ok(())
}

fn put(writer: &mut Writer, space: &Space, rows: &mut Rows) -> Result<u64> {
    let mut count = 0u64;
    loop {
        let vectors = rows.take(BATCH)?;
        if vectors.is_empty() {
            return Ok(count);
        }
        let mut batch = writer.batch();
        for vector in vectors.chunks_exact(space.dim) {
            batch.upsert(space, &count.to_be_bytes(), vector, b"")?;
            count += 1;
        }
        batch.commit()?;
    }
}

/// Makes one segment of all images, whose graph learns from the texts.
pub(crate) fn seal(args: &Args, table: &Table) -> Result<()> {
    let mut writer = Writer::open(&args.library())?;
    let space = |name| writer.index().space(name);
    let images = space(IMAGES)?.context("the library has no images: write them first")?;
    let texts = space(TEXTS)?.context("the library has no texts: write them first")?;
    writer.set_training(images.id, vec![texts.id]);
    let options = SealOptions {
        graph_min_items: 1,
        threads: args.threads,
    };
    let start = Instant::now();
    let summary = writer.seal(&images, &options)?;
    table.seconds("sealing", start);
    table.row("vectors in the segment", summary.items);
    table.row("with a graph", summary.graph);
    table.row("unreached vectors", summary.unreached);
    table.row("file", format_args!("{:.1} MB", summary.bytes as f64 / 1e6));
    for stats in writer.index().stats()?.spaces {
        for recall in stats.segments.iter().flat_map(|segment| &segment.recall) {
            let training = recall.training.unwrap_or(f32::NAN);
            let figure = format!("recall measured, {} candidates", recall.ef);
            table.row(&figure, format_args!("{:.4} own, {training:.4} texts", recall.own));
        }
    }
    Ok(())
}

/// Opens the library and answers.
pub(crate) fn open(args: &Args, table: &Table) -> Result<()> {
    let params = SearchParams {
        k: K,
        ..SearchParams::default()
    };
    let queries = args.queries(KINDS[0])?;
    let mut last = Instant::now();
    let mut milliseconds = |figure: &str| {
        let now = Instant::now();
        table.row(figure, format_args!("{:.2} ms", (now - last).as_secs_f64() * 1e3));
        last = now;
    };
    let (index, space) = args.open()?;
    milliseconds("opening");
    for (query, figure) in queries.iter().zip(["first answer", "second answer"]) {
        index.search(space.id, query, &params)?;
        milliseconds(figure);
    }
    Ok(())
}

/// Deletes items without order.
pub(crate) fn delete(args: &Args, table: &Table) -> Result<()> {
    let mut writer = Writer::open(&args.library())?;
    let images = writer
        .index()
        .space(IMAGES)?
        .context("the library has no images: write them first")?;
    let ids: Vec<ItemId> = (0..writer.index().count(images.id)?)
        .filter(|id| is_deleted(*id))
        .collect();
    let start = Instant::now();
    let mut deleted = 0;
    for ids in ids.chunks(BATCH) {
        let mut batch = writer.batch();
        for id in ids {
            batch.delete(&images, *id)?;
        }
        deleted += batch.commit()?.items_deleted;
    }
    table.row("items deleted", deleted);
    table.row("items left", writer.index().count(images.id)?);
    table.seconds("deleting", start);
    Ok(())
}

fn is_deleted(id: ItemId) -> bool {
    scattered(id, 1).is_multiple_of(DELETED)
}

/// The first of the items that [`delete`] deletes.
pub(crate) fn first_deleted() -> ItemId {
    (0..).find(|id| is_deleted(*id)).unwrap_or_default()
}

/// A number that is spread evenly, whatever the ids are (the finish of SplitMix64).
pub(crate) fn scattered(id: ItemId, salt: u64) -> u64 {
    let mut z = id.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
