//! Vectors in memory, as they are stored.

use half::f16;

use crate::error::{IndexError, Result};
use crate::kernel;
use crate::store::codec::{decode_vector, decode_vector_f32};
use crate::store::{Cf, Store, keys};
use crate::types::{ItemId, SpaceId};

/// Rows of f16 vectors in ascending order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) ids: Vec<ItemId>,
    /// `ids.len() * dim` values.
    pub(crate) vectors: Vec<f16>,
    pub(crate) dim: usize,
}

impl Matrix {
    /// The vectors of a space whose ids are wanted; about `expected` of them.
    pub(crate) fn load_where(
        store: &Store,
        space: SpaceId,
        dim: usize,
        expected: u64,
        wanted: impl Fn(ItemId) -> bool,
    ) -> Result<Self> {
        let mut matrix = Self { dim, ..Self::default() };
        // The number may come from damaged records, so that there is no such memory: then the matrix grows as it is read.
        let values = usize::try_from(expected).unwrap_or_default().saturating_mul(dim);
        let _ = matrix.vectors.try_reserve(values);
        let mut scan = store.scan(Cf::Vectors, &keys::space(space));
        while let Some((key, value)) = scan.advance()? {
            let (_, id) = keys::parse_item(key)?;
            if wanted(id) {
                decode_vector(value, dim, &mut matrix.vectors)?;
                matrix.ids.push(id);
            }
        }
        Ok(matrix)
    }

    /// The vectors that are in no segment.
    pub(crate) fn load_unsealed(store: &Store, space: SpaceId, dim: usize) -> Result<Self> {
        let mut wanted = Vec::new();
        let mut scan = store.scan(Cf::Unsealed, &keys::space(space));
        while let Some((key, _)) = scan.advance()? {
            let (_, id) = keys::parse_item(key)?;
            wanted.push(id);
        }
        let matrix = Self::load_ids(store, space, dim, &wanted)?;
        if matrix.ids.len() < wanted.len() {
            let missing = wanted.iter().find(|id| matrix.ids.binary_search(id).is_err());
            let detail = format_args!("item {} has none", missing.copied().unwrap_or_default());
            return Err(IndexError::corrupt("vector", detail));
        }
        Ok(matrix)
    }

    /// The vectors of these items, whose ids ascend; items that are not there are left out.
    pub(crate) fn load_ids(store: &Store, space: SpaceId, dim: usize, ids: &[ItemId]) -> Result<Self> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::item(space, *id)).collect();
        let mut matrix = Self {
            ids: Vec::with_capacity(ids.len()),
            vectors: Vec::with_capacity(ids.len().saturating_mul(dim)),
            dim,
        };
        store.get_many(Cf::Vectors, &wanted, |key, value| {
            if let Some(value) = value {
                let (_, id) = keys::parse_item(key)?;
                decode_vector(value, dim, &mut matrix.vectors)?;
                matrix.ids.push(id);
            }
            Ok(())
        })?;
        Ok(matrix)
    }
}

/// One of rows of `dim` values each; empty for a row that is not there.
pub(crate) fn row(vectors: &[f16], dim: usize, row: usize) -> &[f16] {
    let start = row.saturating_mul(dim);
    vectors.get(start..start.saturating_add(dim)).unwrap_or_default()
}

/// How far a vector's length may be from 1.
const NORM_TOLERANCE: f32 = 1e-2;

/// Refuses what is not a finite vector of unit length and of the space's dimension.
pub(crate) fn check_unit(space: &str, dim: usize, vector: &[f32]) -> Result<()> {
    if vector.len() != dim {
        return Err(IndexError::DimensionMismatch {
            space: space.to_owned(),
            stored: dim,
            given: vector.len(),
        });
    }
    let norm = kernel::dot_f32_f32(vector, vector).sqrt();
    if !norm.is_finite() {
        return Err(IndexError::InvalidVector {
            reason: "a value is not finite".to_owned(),
        });
    }
    if (norm - 1.0).abs() > NORM_TOLERANCE {
        return Err(IndexError::InvalidVector {
            reason: format!("its length is {norm}"),
        });
    }
    Ok(())
}

/// A stored vector, of which [`check_unit`] holds.
pub(crate) fn decode_unit(space: &str, dim: usize, bytes: &[u8]) -> Result<Vec<f32>> {
    let vector = decode_vector_f32(bytes, dim)?;
    check_unit(space, dim, &vector)?;
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_unit_vectors_of_the_right_length_pass() {
        assert!(check_unit("s", 2, &[0.6, 0.8]).is_ok());
        assert!(check_unit("s", 2, &[0.604, 0.8]).is_ok());
        let wrong_length = check_unit("s", 3, &[0.6, 0.8]);
        assert!(matches!(
            wrong_length,
            Err(IndexError::DimensionMismatch {
                stored: 3,
                given: 2,
                ..
            })
        ));
        for bad in [
            [f32::NAN, 1.0],
            [f32::INFINITY, 0.0],
            [0.0, 0.0],
            [0.7, 0.8],
            [f32::MAX, f32::MAX],
        ] {
            assert!(
                matches!(check_unit("s", 2, &bad), Err(IndexError::InvalidVector { .. })),
                "{bad:?}"
            );
        }
    }
}
