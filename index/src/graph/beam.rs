//! Beam search over lists that still change: for a row that is inserted, or a training query.

use std::cmp::Ordering;

use super::lists::Lists;
use super::{GraphView, LevelView};
use crate::quantize::{CodesView, PreparedQuery};

/// A row and how near it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) similarity: f32,
    pub(super) row: u32,
}

impl Candidate {
    pub(super) fn nearer_first(a: &Self, b: &Self) -> Ordering {
        b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row))
    }
}

/// The memory of a search, used again by the next.
#[derive(Default)]
pub(super) struct Beam {
    query: PreparedQuery,
    /// The nearest rows found, nearest first.
    pool: Vec<Candidate>,
    /// Which of them were expanded.
    expanded: Vec<bool>,
    /// Rows seen in the present search: those that carry its number.
    marks: Vec<u8>,
    present: u8,
    rows: Vec<u32>,
    scores: Vec<f32>,
    pub(super) evaluations: u64,
}

impl Beam {
    /// The up to `ef` rows nearest to `query` that `lists` lead to, nearest first. The search begins where the levels
    /// of `upper` lead.
    pub(super) fn search(
        &mut self,
        upper: &GraphView<'_>,
        lists: &Lists,
        codes: &CodesView<'_>,
        query: &[f32],
        ef: usize,
    ) -> &[Candidate] {
        self.query.prepare(codes, query);
        let start = self.descend(upper, codes);
        self.begin(lists.rows() as usize);
        if self.mark(start.row) {
            self.offer(start, ef);
        }
        let mut next = 0;
        while let Some(candidate) = self.pool.get(next) {
            let row = candidate.row;
            match self.expanded.get_mut(next) {
                Some(expanded) if !*expanded => *expanded = true,
                _ => {
                    next += 1;
                    continue;
                }
            }
            next = self.expand(lists.of(row), codes, ef).min(next + 1);
        }
        &self.pool
    }

    /// Walks greedily through the levels above 0.
    fn descend(&mut self, upper: &GraphView<'_>, codes: &CodesView<'_>) -> Candidate {
        let mut best = self.best_of(&[upper.entry], codes);
        for level in upper.upper.iter().rev() {
            best = self.walk(upper, level, codes, best);
        }
        best
    }

    fn walk(
        &mut self,
        upper: &GraphView<'_>,
        level: &LevelView<'_>,
        codes: &CodesView<'_>,
        mut best: Candidate,
    ) -> Candidate {
        loop {
            let better = self.best_of(upper.upper_neighbours(level, best.row), codes);
            if better.similarity > best.similarity {
                best = better;
            } else {
                return best;
            }
        }
    }

    fn best_of(&mut self, rows: &[u32], codes: &CodesView<'_>) -> Candidate {
        let rows = super::lists::used(rows);
        self.query.score_listed(codes, rows, &mut self.scores);
        self.evaluations += rows.len() as u64;
        let scored = rows.iter().zip(&self.scores);
        let candidates = scored.map(|(row, score)| Candidate {
            similarity: *score,
            row: *row,
        });
        let none = Candidate {
            similarity: f32::NEG_INFINITY,
            row: 0,
        };
        candidates.min_by(Candidate::nearer_first).unwrap_or(none)
    }

    /// Offers all neighbours not seen before; returns the place of the nearest one that was taken.
    fn expand(&mut self, neighbours: &[u32], codes: &CodesView<'_>, ef: usize) -> usize {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        rows.extend(neighbours.iter().copied().filter(|row| self.mark(*row)));
        let mut scores = std::mem::take(&mut self.scores);
        self.query.score_listed(codes, &rows, &mut scores);
        let mut first = usize::MAX;
        for (row, similarity) in rows.iter().zip(&scores) {
            first = first.min(self.offer(
                Candidate {
                    similarity: *similarity,
                    row: *row,
                },
                ef,
            ));
        }
        self.evaluations += rows.len() as u64;
        (self.rows, self.scores) = (rows, scores);
        first
    }

    /// Takes a row into the pool if it is among the `ef` nearest; returns its place, or `usize::MAX`.
    fn offer(&mut self, candidate: Candidate, ef: usize) -> usize {
        if self.pool.len() >= ef {
            match self.pool.last() {
                Some(last) if candidate.similarity > last.similarity => {
                    self.pool.pop();
                    self.expanded.pop();
                }
                _ => return usize::MAX,
            }
        }
        let at = self
            .pool
            .partition_point(|other| other.similarity >= candidate.similarity);
        self.pool.insert(at, candidate);
        self.expanded.insert(at, false);
        at
    }

    fn begin(&mut self, rows: usize) {
        self.pool.clear();
        self.expanded.clear();
        self.marks.resize(rows, 0);
        self.present = self.present.wrapping_add(1);
        if self.present == 0 {
            self.marks.fill(0);
            self.present = 1;
        }
    }

    /// Whether the row exists and was not marked before.
    fn mark(&mut self, row: u32) -> bool {
        self.marks
            .get_mut(row as usize)
            .is_some_and(|mark| std::mem::replace(mark, self.present) != self.present)
    }
}
