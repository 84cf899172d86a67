//! Queries that a graph is trained and measured with: the vectors of other spaces of the same encoder.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::store::codec::{Counters, SpaceRecord};
use crate::store::{Cf, Store, keys};
use crate::types::{Space, SpaceId};

/// More queries than this add little.
const AT_MOST: u64 = 100_000;

/// One query in so many is kept from the graph, to measure with it what unknown queries will find: known ones find more.
const HELD_OUT: u64 = 10;

/// Training queries, row by row.
#[derive(Default)]
pub(crate) struct Training {
    /// Those that a graph is built with.
    pub(crate) known: Vec<f32>,
    /// Those that it is measured with. Where there are too few for both, they are the same.
    pub(crate) held_out: Vec<f32>,
}

/// The queries of these spaces; evenly thinned out where there are very many. As long as they are not, an item stays on
/// the side where it is.
pub(crate) fn queries(store: &Store, space: &Space, spaces: &[SpaceId]) -> Result<Training> {
    let sources = sources(store, space, spaces)?;
    let all: u64 = sources.iter().map(|(_, items)| items).sum();
    let step = all.div_ceil(AT_MOST).max(1);
    let mut training = Training::default();
    for (id, items) in sources {
        let matrix = Matrix::load_where(store, id, space.dim, items.div_ceil(step), |id| id % step == 0)?;
        for (id, vector) in matrix.ids.iter().zip(matrix.vectors.chunks_exact(space.dim.max(1))) {
            let side = if (id / step).is_multiple_of(HELD_OUT) {
                &mut training.held_out
            } else {
                &mut training.known
            };
            side.extend(vector.iter().map(|value| value.to_f32()));
        }
    }
    if training.held_out.is_empty() {
        training.held_out.clone_from(&training.known);
    }
    Ok(training)
}

/// Whether there are any.
pub(crate) fn any(store: &Store, space: &Space, spaces: &[SpaceId]) -> Result<bool> {
    Ok(!sources(store, space, spaces)?.is_empty())
}

/// The spaces that are there and of the same encoder, with the number of their items.
fn sources(store: &Store, space: &Space, spaces: &[SpaceId]) -> Result<Vec<(SpaceId, u64)>> {
    let mut sources = Vec::new();
    for id in spaces {
        let Some(record) = store.record::<SpaceRecord>(Cf::Spaces, &keys::space(*id))? else {
            continue;
        };
        let counters: Counters = store.record(Cf::Meta, &keys::counters(*id))?.unwrap_or_default();
        let fits = record.fingerprint == space.fingerprint && record.dim as usize == space.dim;
        if fits && counters.items > 0 {
            sources.push((*id, counters.items));
        }
    }
    Ok(sources)
}
