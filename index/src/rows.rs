//! All vectors of a space, as they lie in memory, for products with every one of them.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use rayon::prelude::*;

use crate::error::{IndexError, Result};
use crate::kernel::dot_f16_f32;
use crate::types::ItemId;
use crate::view::SpaceView;

/// Rows that one task multiplies: they stay in a core's cache while several queries pass.
const CHUNK: usize = 512;

/// The vectors of a space in the order of their ids, as they were when this was made: neither copied nor converted where
/// they lie in a segment, which is mapped. Cheap to make and to keep.
pub struct Rows {
    view: Arc<SpaceView>,
    ids: Vec<ItemId>,
    /// In the order of their places; together they are all places.
    runs: Vec<Run>,
}

/// Rows that follow one another in a part of the space, and in the order of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// A segment, or the unsealed vectors where it is past the last one.
    part: usize,
    /// The first row in the part.
    row: usize,
    /// The first row in the order of ids.
    place: usize,
    rows: usize,
}

impl Rows {
    pub(crate) fn new(view: Arc<SpaceView>) -> Self {
        let sealed = &view.shape.sealed;
        let mut rows: Vec<(ItemId, usize, usize)> = Vec::new();
        for (part, sealed) in sealed.iter().enumerate() {
            rows.extend(sealed.live_rows().map(|(row, id)| (id, part, row)));
        }
        let unsealed = view.fresh.ids.iter().enumerate();
        rows.extend(unsealed.map(|(row, id)| (*id, sealed.len(), row)));
        // A few ascending runs, which the stable sort merges.
        rows.sort_by_key(|(id, ..)| *id);
        let runs = runs(&rows);
        Self {
            ids: rows.into_iter().map(|(id, ..)| id).collect(),
            runs,
            view,
        }
    }

    /// The items, ascending; row `i` belongs to `ids()[i]`.
    pub fn ids(&self) -> &[ItemId] {
        &self.ids
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.view.shape.space.dim
    }

    /// The vector in a place, of unit length up to f16 rounding; empty where there is no such place.
    pub fn row(&self, place: usize) -> &[f16] {
        self.slices(place..place.saturating_add(1)).next().unwrap_or_default().1
    }

    /// The dot product of every row with `query`, in order. Products are summed in f32.
    ///
    /// # Errors
    /// [`IndexError::DimensionMismatch`].
    pub fn dot(&self, query: &[f32]) -> Result<Vec<f32>> {
        Ok(self.dot_many(&[query])?.pop().unwrap_or_default())
    }

    /// [`Rows::dot`] for each of several queries; the rows come from memory once for all of them.
    ///
    /// # Errors
    /// [`IndexError::DimensionMismatch`].
    pub fn dot_many<Q: AsRef<[f32]> + Sync>(&self, queries: &[Q]) -> Result<Vec<Vec<f32>>> {
        for query in queries {
            self.check(query.as_ref())?;
        }
        let mut products: Vec<Vec<f32>> = queries.iter().map(|_| vec![0.0; self.len()]).collect();
        let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
        parts.resize_with(self.len().div_ceil(CHUNK), Vec::new);
        for products in &mut products {
            for (part, chunk) in parts.iter_mut().zip(products.chunks_mut(CHUNK)) {
                part.push(chunk);
            }
        }
        parts
            .into_par_iter()
            .enumerate()
            .for_each(|(part, products)| self.multiply(part * CHUNK, queries, products));
        Ok(products)
    }

    /// The products of each query with the rows from `first` on, as many as there is room for.
    fn multiply<Q: AsRef<[f32]>>(&self, first: usize, queries: &[Q], mut products: Vec<&mut [f32]>) {
        let rows = products.first().map_or(0, |products| products.len());
        for (place, vectors) in self.slices(first..first + rows) {
            for (query, products) in queries.iter().zip(&mut products) {
                let products = products.get_mut(place - first..).unwrap_or_default();
                for (product, vector) in products.iter_mut().zip(vectors.chunks_exact(self.dim())) {
                    *product = dot_f16_f32(vector, query.as_ref());
                }
            }
        }
    }

    /// The vectors in a range of places, in pieces that lie together, each with its first place.
    fn slices(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &[f16])> {
        let first = self.runs.partition_point(|run| run.place + run.rows <= range.start);
        let runs = self.runs.get(first..).unwrap_or_default().iter();
        let dim = self.dim();
        runs.take_while(move |run| run.place < range.end).map(move |run| {
            let skipped = range.start.saturating_sub(run.place);
            let rows = run.rows.min(range.end - run.place) - skipped;
            let start = (run.row + skipped).saturating_mul(dim);
            let end = start.saturating_add(rows.saturating_mul(dim));
            let vectors = self.part(run.part).get(start..end).unwrap_or_default();
            (run.place + skipped, vectors)
        })
    }

    fn part(&self, part: usize) -> &[f16] {
        match self.view.shape.sealed.get(part) {
            Some(sealed) => sealed.segment.vectors(),
            None => &self.view.fresh.vectors,
        }
    }

    fn check(&self, query: &[f32]) -> Result<()> {
        let space = &self.view.shape.space;
        if query.len() == space.dim {
            return Ok(());
        }
        Err(IndexError::DimensionMismatch {
            space: space.name.clone(),
            stored: space.dim,
            given: query.len(),
        })
    }
}

/// The runs of rows, which are given as id, part and row within it.
fn runs(rows: &[(ItemId, usize, usize)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (place, (_, part, row)) in rows.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.part == *part && run.row + run.rows == *row => run.rows += 1,
            _ => runs.push(Run {
                part: *part,
                row: *row,
                place,
                rows: 1,
            }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Noise, unit};
    use crate::{Index, SealOptions, Writer};

    const DIM: usize = 24;

    fn vector(seed: u64) -> Vec<f32> {
        unit(Noise::new(seed).values(DIM))
    }

    /// Two segments, tombstones in both, replaced vectors among the unsealed ones.
    fn scattered(dir: &std::path::Path) -> (Index, crate::SpaceId) {
        let mut writer = Writer::open(dir).unwrap();
        let space = writer.create_space("s", DIM, [0; 32], b"").unwrap();
        let put = |writer: &mut Writer, keys: &[u64], salt: u64| {
            let mut batch = writer.batch();
            for key in keys {
                batch
                    .upsert(&space, &key.to_be_bytes(), &vector(key + salt), b"")
                    .unwrap();
            }
            batch.commit().unwrap();
        };
        put(&mut writer, &(0..1_300).collect::<Vec<_>>(), 0);
        writer.seal(&space, &SealOptions::default()).unwrap();
        put(&mut writer, &(1_300..1_400).collect::<Vec<_>>(), 0);
        put(&mut writer, &[3, 4, 900, 1_310], 9_000);
        let mut batch = writer.batch();
        for key in [0u64, 511, 512, 1_299, 1_399] {
            let id = batch.id_of_key(space.id, &key.to_be_bytes()).unwrap().unwrap();
            batch.delete(&space, id).unwrap();
        }
        batch.commit().unwrap();
        (writer.index().clone(), space.id)
    }

    #[test]
    fn rows_are_those_that_hold_in_the_order_of_ids() {
        let dir = tempfile::tempdir().unwrap();
        let (index, space) = scattered(dir.path());
        let rows = index.rows(space).unwrap();
        let set = index.vectors(space).unwrap();
        assert_eq!(rows.len(), 1_395);
        assert_eq!(rows.ids(), set.ids);
        for (place, expected) in set.data.chunks_exact(DIM).enumerate() {
            let got: Vec<f32> = rows.row(place).iter().map(|value| value.to_f32()).collect();
            assert_eq!(got, expected, "place {place}");
        }
        assert!(rows.row(1_395).is_empty() && rows.row(usize::MAX).is_empty());
    }

    #[test]
    fn products_are_those_of_each_vector() {
        let dir = tempfile::tempdir().unwrap();
        let (index, space) = scattered(dir.path());
        let rows = index.rows(space).unwrap();
        let queries = [vector(70_000), vector(70_001), vector(70_002)];
        let many = rows.dot_many(&queries).unwrap();
        for (query, products) in queries.iter().zip(&many) {
            assert_eq!(products, &rows.dot(query).unwrap(), "one by one, to the last bit");
            for (place, product) in products.iter().enumerate() {
                let row = rows.row(place).iter().zip(query);
                let exact: f64 = row.map(|(a, b)| f64::from(a.to_f32()) * f64::from(*b)).sum();
                assert!((f64::from(*product) - exact).abs() < 1e-6, "place {place}");
            }
        }
        assert!(matches!(
            rows.dot(&[1.0]),
            Err(IndexError::DimensionMismatch {
                stored: DIM,
                given: 1,
                ..
            })
        ));
        assert!(rows.dot_many::<Vec<f32>>(&[]).unwrap().is_empty());
    }

    #[test]
    fn rows_stay_as_they_were_made() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let space = writer.create_space("s", DIM, [0; 32], b"").unwrap();
        let none = writer.index().rows(space.id).unwrap();
        let mut batch = writer.batch();
        batch.upsert(&space, b"a", &vector(1), b"").unwrap();
        batch.commit().unwrap();
        assert!(none.is_empty() && none.dot(&vector(2)).unwrap().is_empty());
        assert_eq!(writer.index().rows(space.id).unwrap().len(), 1);
    }

    #[test]
    fn runs_end_where_rows_or_parts_do() {
        let rows = [(1, 0, 0), (2, 0, 1), (5, 1, 0), (6, 0, 2), (7, 0, 4)];
        let found: Vec<_> = runs(&rows)
            .iter()
            .map(|run| (run.part, run.row, run.place, run.rows))
            .collect();
        assert_eq!(found, [(0, 0, 0, 2), (1, 0, 2, 1), (0, 2, 3, 1), (0, 4, 4, 1)]);
    }
}
