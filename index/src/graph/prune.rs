//! The relative neighbourhood rule: which of the near rows become neighbours.

use crate::quantize::Codes;
use crate::search::top::Scored;

/// Rows whose similarity is that of a row with itself, but for this much, are its copies.
const COPY: f32 = 1e-3;

/// Of `candidates`, nearest first, the up to `most` that are nearer to `row` than to any one already chosen
/// (Toussaint, 1980; Malkov and Yashunin, algorithm 4): so that they lie in different directions.
pub(super) fn choose(codes: &Codes, row: u32, candidates: &[Scored<u32>], most: usize) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(most);
    // Copies of one vector hide nothing from one another. Where there are many, some places are left for others, or
    // no way would lead out from among them.
    let (same, mut copies) = (codes.similarity(row, row) - COPY, most / 2);
    for candidate in candidates {
        if chosen.len() == most {
            break;
        }
        let hidden = |other: &u32| codes.similarity(candidate.id, *other) > candidate.score;
        if candidate.id == row || chosen.contains(&candidate.id) || chosen.iter().any(hidden) {
            continue;
        }
        if candidate.score >= same {
            if copies == 0 {
                continue;
            }
            copies -= 1;
        }
        chosen.push(candidate.id);
    }
    chosen
}

/// What [`choose`] leaves of a row's neighbours.
pub(super) fn prune(codes: &Codes, row: u32, neighbours: &[u32], most: usize) -> Vec<u32> {
    let candidate = |neighbour: &u32| Scored {
        score: codes.similarity(row, *neighbour),
        id: *neighbour,
    };
    let mut candidates: Vec<Scored<u32>> = neighbours.iter().map(candidate).collect();
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    choose(codes, row, &candidates, most)
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::matrix::Matrix;

    /// Codes of unit vectors in the plane at these angles, in degrees.
    fn codes(angles: &[f32]) -> Codes {
        let vectors = angles.iter().flat_map(|angle| {
            let (sine, cosine) = angle.to_radians().sin_cos();
            [f16::from_f32(cosine), f16::from_f32(sine)]
        });
        let matrix = Matrix {
            ids: (0..angles.len() as u64).collect(),
            vectors: vectors.collect(),
            dim: 2,
        };
        Codes::new(&matrix).unwrap()
    }

    #[test]
    fn neighbours_lie_in_different_directions() {
        // Seen from row 0: row 2 hides behind row 1, and row 4 behind row 3.
        let codes = codes(&[0.0, 10.0, 25.0, -20.0, -45.0, 180.0]);
        assert_eq!(prune(&codes, 0, &[5, 4, 3, 2, 1, 0], 8), [1, 3]);
        assert_eq!(prune(&codes, 0, &[5, 4, 3, 2, 1, 1], 1), [1]);
        assert!(prune(&codes, 0, &[], 8).is_empty());
    }

    #[test]
    fn copies_leave_places_for_others() {
        let mut angles = vec![30.0; 20];
        angles.extend([60.0, 0.0]);
        let codes = codes(&angles);
        let rows: Vec<u32> = (0..22).collect();
        let chosen = prune(&codes, 7, &rows, 8);
        assert_eq!(chosen.iter().filter(|row| **row < 20).count(), 4);
        assert!(chosen.contains(&20) && chosen.contains(&21));
    }
}
