//! Searches with filters, wide and narrow.

use anyhow::Result;
use clipdex_index::{Index, ItemId, Mode, RoaringTreemap, SearchParams, Space};

use crate::life::scattered;
use crate::searches::{alone, check_alive, ids, one_by_one, recall};
use crate::table::Table;
use crate::{Args, K, KINDS};

/// Shares of the items that filters admit.
const SELECTIVITIES: [f64; 4] = [0.5, 0.1, 0.01, 0.001];
/// Queries of each kind.
const QUERIES: usize = 40;

/// Which items filters admit.
#[derive(Clone, Copy, Debug)]
enum Admits {
    /// Any.
    Random,
    /// Those nearest to the query.
    Near,
    /// Those nearest to another query.
    Elsewhere,
}

/// A query with its filter.
struct Filtered<'a> {
    query: &'a [f32],
    filter: RoaringTreemap,
}

/// What filtered searches find, what they cost, and what scans cost.
pub(crate) fn filter(args: &Args, table: &Table) -> Result<()> {
    let (index, space) = args.open()?;
    let items = index.count(space.id)?;
    for kind in KINDS {
        let mut queries = args.queries(kind)?;
        queries.truncate(QUERIES);
        let nearest = nearest(&index, &space, &queries, items)?;
        for selectivity in SELECTIVITIES {
            let admitted = (selectivity * items as f64) as usize;
            for admits in [Admits::Random, Admits::Near, Admits::Elsewhere] {
                let filtered = filtered(&queries, &nearest, admits, admitted, items);
                let name = format!("{admits:?}").to_lowercase();
                let name = format!("{kind}, {selectivity} {name}");
                measure(&index, &space, &filtered, &name, table)?;
            }
        }
    }
    Ok(())
}

/// The nearer half of all items, nearest first, for each query.
fn nearest(index: &Index, space: &Space, queries: &[Vec<f32>], items: u64) -> Result<Vec<Vec<ItemId>>> {
    let params = SearchParams {
        k: items.div_ceil(2) as usize,
        mode: Mode::Exact,
        ..SearchParams::default()
    };
    let nearest = |query: &Vec<f32>| Ok(ids(&index.search(space.id, query, &params)?).collect());
    queries.iter().map(nearest).collect()
}

/// Each query with a filter of so many items.
fn filtered<'a>(
    queries: &'a [Vec<f32>],
    nearest: &[Vec<ItemId>],
    admits: Admits,
    admitted: usize,
    items: u64,
) -> Vec<Filtered<'a>> {
    let place = |place: usize| nearest.get(place % nearest.len()).into_iter().flatten().copied();
    let least = (admitted as f64 / items as f64 * u64::MAX as f64) as u64;
    let random: RoaringTreemap = (0..items).filter(|id| scattered(*id, 2) < least).collect();
    let filter = |number: usize| match admits {
        Admits::Random => random.clone(),
        Admits::Near => place(number).take(admitted).collect(),
        Admits::Elsewhere => place(number + 1).take(admitted).collect(),
    };
    let pairs = queries.iter().enumerate();
    pairs
        .map(|(number, query)| Filtered {
            query,
            filter: filter(number),
        })
        .collect()
}

fn measure(index: &Index, space: &Space, filtered: &[Filtered<'_>], name: &str, table: &Table) -> Result<()> {
    let run = |mode| {
        let search = |one: &Filtered<'_>| index.search(space.id, one.query, &params(mode, one));
        alone(|| one_by_one(filtered, search))
    };
    let (truth, scan) = run(Mode::Exact)?;
    let (found, planned) = run(Mode::Auto)?;
    check_alive(index, space, &found, table)?;
    let truth: Vec<Vec<ItemId>> = truth.iter().map(|hits| ids(hits).collect()).collect();
    let recall = recall(&found, &truth);
    let plan = filtered
        .first()
        .map(|one| index.plan(space.id, &params(Mode::Auto, one)));
    let plan = plan.transpose()?.map(|plan| plan.to_string()).unwrap_or_default();
    let plan = plan.split(';').next().unwrap_or_default();
    table.row(
        name,
        format_args!(
            "recall {recall:.4}, {:.3} ms; scan {:.3} ms; {plan}",
            planned * 1e3,
            scan * 1e3
        ),
    );
    Ok(())
}

fn params<'a>(mode: Mode, one: &'a Filtered<'_>) -> SearchParams<'a> {
    SearchParams {
        k: K,
        mode,
        filter: Some(&one.filter),
        ..SearchParams::default()
    }
}
