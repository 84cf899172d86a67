//! Queries that a graph is trained and measured with: the vectors of other spaces of the same encoder.

use half::slice::HalfFloatSliceExt;

use crate::error::Result;
use crate::matrix::Matrix;
use crate::store::codec::{Counters, SpaceRecord};
use crate::store::{Cf, Store, keys};
use crate::types::{Space, SpaceId};

/// More queries than this add little.
const AT_MOST: u64 = 100_000;

/// Their vectors, row by row; evenly thinned out where there are very many.
pub(crate) fn queries(store: &Store, space: &Space, spaces: &[SpaceId]) -> Result<Vec<f32>> {
    let sources = sources(store, space, spaces)?;
    let all: u64 = sources.iter().map(|(_, items)| items).sum();
    let step = all.div_ceil(AT_MOST).max(1);
    let mut rows = Vec::new();
    for (id, items) in sources {
        let matrix = Matrix::load_where(store, id, space.dim, items.div_ceil(step), |id| id % step == 0)?;
        rows.extend(matrix.vectors.to_f32_vec());
    }
    Ok(rows)
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
