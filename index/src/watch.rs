//! Watching what searches find of the true nearest.

use crate::error::Result;
use crate::reader::Index;
use crate::seal::training_queries;
use crate::search::{Mode, SearchParams};
use crate::store::codec::decode_vector_f32;
use crate::store::{Cf, keys};
use crate::types::{ItemId, SpaceId};

/// Nearest neighbours that are looked for.
const K: usize = 10;

/// What searches find of the ten true nearest, as shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recall {
    /// With vectors of the space as queries; none where the space is too small.
    pub own: Option<f32>,
    /// With vectors of other spaces as queries; none where there are none.
    pub training: Option<f32>,
    /// How many queries of each kind there were, at most.
    pub queries: usize,
}

impl Index {
    /// Measures what [`Index::search`] with `params` finds against the exact scan, with `queries` vectors of the space
    /// and as many of the spaces `training` (those of the same encoder), evenly spread. Of `params` the number of
    /// results is not used.
    ///
    /// # Errors
    /// As of [`Index::search`].
    pub fn recall(
        &self,
        space: SpaceId,
        training: &[SpaceId],
        queries: usize,
        params: &SearchParams<'_>,
    ) -> Result<Recall> {
        let shape = self.shape(space)?;
        let dim = shape.space.dim;
        let step = (shape.counters.items / queries.max(1) as u64).max(1);
        let mut own = Vec::new();
        let mut scan = self.store().scan(Cf::Vectors, &keys::space(space));
        let mut place = 0;
        while let Some((key, value)) = scan.advance()? {
            if place % step == 0 && own.len() < queries {
                own.push((Some(keys::parse_item(key)?.1), decode_vector_f32(value, dim)?));
            }
            place += 1;
        }
        let rows = training_queries(self.store(), &shape.space, training)?.held_out;
        let step = (rows.len() / dim / queries.max(1)).max(1);
        let others = rows.chunks_exact(dim).step_by(step).take(queries);
        let others: Vec<_> = others.map(|row| (None, row.to_vec())).collect();
        Ok(Recall {
            own: self.share(space, &own, params)?,
            training: self.share(space, &others, params)?,
            queries,
        })
    }

    /// The share of the true nearest that is found; an item does not count as its own neighbour.
    fn share(
        &self,
        space: SpaceId,
        queries: &[(Option<ItemId>, Vec<f32>)],
        params: &SearchParams<'_>,
    ) -> Result<Option<f32>> {
        let vectors: Vec<&[f32]> = queries.iter().map(|(_, vector)| vector.as_slice()).collect();
        let nearest = |mode| {
            let params = SearchParams {
                k: K + 1,
                mode,
                ..*params
            };
            self.search_many(space, &vectors, &params)
        };
        let (truth, found) = (nearest(Mode::Exact)?, nearest(params.mode)?);
        let (mut wanted, mut hit) = (0, 0);
        for (((own, _), truth), found) in queries.iter().zip(truth).zip(found) {
            let others = |hits: Vec<crate::Hit>| -> Vec<ItemId> {
                let ids = hits.into_iter().map(|hit| hit.id).filter(|id| Some(*id) != *own);
                ids.take(K).collect()
            };
            let (truth, found) = (others(truth), others(found));
            wanted += truth.len();
            hit += found.iter().filter(|id| truth.contains(id)).count();
        }
        Ok((wanted > 0).then(|| hit as f32 / wanted as f32))
    }
}
