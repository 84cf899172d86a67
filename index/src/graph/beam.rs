//! Beam search over lists that still change: for a row that is inserted, or a training query.

use std::cmp::Ordering;

use super::lists::Lists;

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

/// What a search is for.
pub(super) trait Target {
    /// How near a row is.
    fn score(&self, row: u32) -> f32;

    /// Says that a row's score will be asked for soon.
    fn prefetch(&self, row: u32);
}

/// Rows whose codes are on their way from memory while others are scored.
const AHEAD: usize = 6;

/// The memory of a search, used again by the next.
#[derive(Default)]
pub(super) struct Beam {
    /// The nearest rows found, nearest first.
    pool: Vec<Candidate>,
    /// Which of them were expanded.
    expanded: Vec<bool>,
    /// Rows seen in the present search: those that carry its number.
    marks: Vec<u8>,
    present: u8,
    unseen: Vec<u32>,
    pub(super) evaluations: u64,
}

impl Beam {
    /// The up to `ef` nearest rows that the lists lead to from `start`, nearest first.
    pub(super) fn search(&mut self, lists: &Lists, start: u32, ef: usize, target: &impl Target) -> &[Candidate] {
        self.begin(lists.rows() as usize);
        if self.mark(start) {
            self.offer(start, target.score(start), ef);
        }
        let mut next = 0;
        while let Some(candidate) = self.pool.get(next) {
            if std::mem::replace(&mut self.expanded[next], true) {
                next += 1;
                continue;
            }
            let row = candidate.row;
            let first = self.expand(lists.of(row), ef, target);
            next = first.min(next + 1);
        }
        &self.pool
    }

    /// Offers all neighbours not seen before; returns the place of the nearest one that was taken.
    fn expand(&mut self, neighbours: &[u32], ef: usize, target: &impl Target) -> usize {
        let mut unseen = std::mem::take(&mut self.unseen);
        unseen.clear();
        unseen.extend(neighbours.iter().copied().filter(|row| self.mark(*row)));
        for row in unseen.iter().take(AHEAD) {
            target.prefetch(*row);
        }
        let mut first = usize::MAX;
        for (at, row) in unseen.iter().enumerate() {
            if let Some(ahead) = unseen.get(at + AHEAD) {
                target.prefetch(*ahead);
            }
            first = first.min(self.offer(*row, target.score(*row), ef));
        }
        self.evaluations += unseen.len() as u64;
        self.unseen = unseen;
        first
    }

    /// Takes a row into the pool if it is among the `ef` nearest; returns its place, or `usize::MAX`.
    fn offer(&mut self, row: u32, similarity: f32, ef: usize) -> usize {
        if self.pool.len() >= ef {
            match self.pool.last() {
                Some(last) if similarity > last.similarity => {
                    self.pool.pop();
                    self.expanded.pop();
                }
                _ => return usize::MAX,
            }
        }
        let at = self.pool.partition_point(|other| other.similarity >= similarity);
        self.pool.insert(at, Candidate { similarity, row });
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
