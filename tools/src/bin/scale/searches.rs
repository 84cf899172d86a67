//! The exact scan, and what searches find of its answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clipdex_index::{Hit, Index, IndexError, ItemId, Mode, SearchParams, Space};

use crate::table::Table;
use crate::{Args, K, KINDS};

/// Scans of one query are timed with so many.
const SCANS: usize = 50;
/// Times that each query is answered: the quickest counts, for what else the machine does shows in the others.
const ROUNDS: usize = 5;

/// Scans all vectors for each query, and leaves the answers to the next phases.
pub(crate) fn scan(args: &Args, table: &Table) -> Result<()> {
    let (index, space) = args.open()?;
    let params = SearchParams {
        k: K,
        mode: Mode::Exact,
        ..SearchParams::default()
    };
    for kind in KINDS {
        let queries = args.queries(kind)?;
        let some = queries.get(..SCANS).unwrap_or(&queries);
        let search = |query: &Vec<f32>| index.search(space.id, query, &params);
        let figure = |how: &str, seconds: f64| {
            table.row(
                &format!("scan, {kind}, {how}"),
                format_args!("{:.3} ms a query", seconds * 1e3),
            );
        };
        figure("one by one, one thread", alone(|| one_by_one(some, search))?.1);
        figure("one by one, all threads", one_by_one(some, search)?.1);
        figure(
            "many at once, one thread",
            alone(|| at_once(&index, &space, &queries, &params))?.1,
        );
        let (truth, seconds) = at_once(&index, &space, &queries, &params)?;
        figure("many at once, all threads", seconds);
        let path = truth_file(args, kind);
        let ids: Vec<Vec<ItemId>> = truth.iter().map(|hits| ids(hits).collect()).collect();
        fs::write(&path, serde_json::to_vec(&ids)?).with_context(|| path.display().to_string())?;
        check_alive(&index, &space, &truth, table)?;
    }
    Ok(())
}

/// What searches as the library plans them find, and how many a second.
pub(crate) fn search(args: &Args, table: &Table) -> Result<()> {
    let (index, space) = args.open()?;
    for kind in KINDS {
        let queries = args.queries(kind)?;
        let path = truth_file(args, kind);
        let truth = fs::read(&path).with_context(|| format!("{}: scan first", path.display()))?;
        let truth: Vec<Vec<ItemId>> = serde_json::from_slice(&truth)?;
        for target in [0.95, 0.99] {
            let params = SearchParams {
                k: K,
                target_recall: Some(target),
                ..SearchParams::default()
            };
            let figure = |what: &str| format!("{kind}, recall wanted {target}: {what}");
            table.row(&figure("plan"), index.plan(space.id, &params)?);
            let search = |query: &Vec<f32>| index.search(space.id, query, &params);
            let (found, one) = alone(|| one_by_one(&queries, search))?;
            table.row(&figure("recall@10"), format_args!("{:.4}", recall(&found, &truth)));
            table.row(&figure("one thread"), format_args!("{:.0} a second", 1.0 / one));
            let (found, all) = at_once(&index, &space, &queries, &params)?;
            table.row(&figure("all threads"), format_args!("{:.0} a second", 1.0 / all));
            check_alive(&index, &space, &found, table)?;
        }
    }
    Ok(())
}

fn truth_file(args: &Args, kind: &str) -> PathBuf {
    args.work.join(format!("{kind}-truth.json"))
}

/// Runs work on one thread.
pub(crate) fn alone<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build()?.install(work)
}

/// What searches one after another find, and the seconds that each takes.
pub(crate) fn one_by_one<Q>(
    queries: &[Q],
    search: impl Fn(&Q) -> Result<Vec<Hit>, IndexError>,
) -> Result<(Vec<Vec<Hit>>, f64)> {
    let mut found = vec![Vec::new(); queries.len()];
    let mut quickest = vec![f64::INFINITY; queries.len()];
    for _ in 0..ROUNDS {
        for ((query, found), quickest) in queries.iter().zip(&mut found).zip(&mut quickest) {
            let start = Instant::now();
            *found = search(query)?;
            *quickest = quickest.min(start.elapsed().as_secs_f64());
        }
    }
    let seconds = quickest.iter().sum::<f64>() / queries.len() as f64;
    Ok((found, seconds))
}

/// What searches for many queries at once find, and the seconds for each query.
fn at_once(
    index: &Index,
    space: &Space,
    queries: &[Vec<f32>],
    params: &SearchParams<'_>,
) -> Result<(Vec<Vec<Hit>>, f64)> {
    let (mut found, mut quickest) = (Vec::new(), f64::INFINITY);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        found = index.search_many(space.id, queries, params)?;
        quickest = quickest.min(start.elapsed().as_secs_f64());
    }
    Ok((found, quickest / queries.len() as f64))
}

pub(crate) fn ids(hits: &[Hit]) -> impl Iterator<Item = ItemId> {
    hits.iter().map(|hit| hit.id)
}

/// The share of the truth that was found.
pub(crate) fn recall(found: &[Vec<Hit>], truth: &[Vec<ItemId>]) -> f64 {
    let pairs = found.iter().zip(truth);
    let common: usize = pairs
        .map(|(found, truth)| ids(found).filter(|id| truth.contains(id)).count())
        .sum();
    let wanted: usize = truth.iter().map(Vec::len).sum();
    common as f64 / wanted as f64
}

/// Fails when something was found that is not there.
pub(crate) fn check_alive(index: &Index, space: &Space, found: &[Vec<Hit>], table: &Table) -> Result<()> {
    let found: BTreeSet<ItemId> = found.iter().flat_map(|hits| ids(hits)).collect();
    let mut gone = 0;
    for id in &found {
        gone += usize::from(index.item(space.id, *id)?.is_none());
    }
    if gone > 0 {
        table.row("items found that are deleted", gone);
    }
    ensure!(gone == 0, "{gone} of {} items found are deleted", found.len());
    Ok(())
}
