//! Beam search (Malkov and Yashunin, 2016, arXiv:1603.09320, algorithm 2), over whatever has neighbours and scores.

use std::collections::BinaryHeap;

use super::GraphView;
use super::pool::Pool;
use super::score::Scorer;
use super::visited::Visited;
use crate::kernel::prefetch;
use crate::search::top::Scored;
use crate::segment::format::NONE;

/// Rows that are expanded together: more scores at a time keep memory busier, but some of the later rows would not have
/// been expanded at all.
const AT_ONCE: usize = 4;

/// Of the rows that a walk with a filter may score, one in so many is scored before it is judged whether they will do.
const PATIENCE: usize = 8;

/// The neighbours of rows at level 0.
pub(crate) trait Links {
    /// Calls `visit` with each neighbour of a row; it may be called with anything, rows that are not there too.
    fn each(&self, row: u32, visit: impl FnMut(u32));

    /// Asks for the neighbours of a row, which will be needed soon.
    fn prefetch(&self, _row: u32) {}
}

/// The memory of walks, which serves one after another.
#[derive(Default)]
pub(crate) struct Walker {
    visited: Visited,
    pool: Pool,
    /// Rows seen for the first time, and then their scores.
    fresh: Vec<u32>,
    scores: Vec<f32>,
    /// Of a walk with a filter: what may still be expanded.
    open: BinaryHeap<Scored<u32>>,
}

impl Walker {
    /// Begins a walk over `rows` rows that keeps the `ef` best.
    pub(crate) fn begin(&mut self, rows: usize, ef: usize) {
        self.visited.begin(rows);
        self.pool.begin(ef);
    }

    /// Scores those of the rows that the walk has not seen, and adds them to the pool.
    pub(crate) fn offer(&mut self, scorer: &mut impl Scorer, rows: impl IntoIterator<Item = u32>) {
        self.fresh.clear();
        let visited = &mut self.visited;
        self.fresh.extend(rows.into_iter().filter(|row| visited.mark(*row)));
        scorer.score(&mut self.fresh, &mut self.scores, self.pool.threshold());
        for (row, score) in self.fresh.iter().zip(&self.scores) {
            self.pool.push(*score, *row);
        }
    }

    /// Walks greedily from the entry through the levels above 0. All that it scores is in the pool then: level 0 is
    /// entered from the best places, not from one.
    pub(crate) fn descend(&mut self, graph: &GraphView<'_>, scorer: &mut impl Scorer) {
        self.offer(scorer, [graph.entry]);
        for level in graph.upper.iter().rev() {
            let mut here = None;
            while here != self.pool.best()
                && let Some(best) = self.pool.best()
            {
                here = Some(best);
                self.offer(scorer, graph.upper_neighbours(level, best).iter().copied());
            }
        }
    }

    /// Expands the best rows of the pool until all in it are expanded.
    pub(crate) fn walk(&mut self, links: &impl Links, scorer: &mut impl Scorer) {
        let Self {
            visited,
            pool,
            fresh,
            scores,
            ..
        } = self;
        while let Some(row) = pool.expand() {
            fresh.clear();
            for row in [row].into_iter().chain((1..AT_ONCE).map_while(|_| pool.expand())) {
                links.each(row, |next| {
                    if visited.mark(next) {
                        fresh.push(next);
                    }
                });
            }
            scorer.score(fresh, scores, pool.threshold());
            for (row, score) in fresh.iter().zip(&*scores) {
                if pool.push(*score, *row) {
                    links.prefetch(*row);
                }
            }
        }
    }

    /// As [`Walker::walk`], for rows that `admits` accepts alone: the pool holds no other when it returns. The walk
    /// passes through the others, which otherwise would cut the graph apart, and goes on until none could lead to
    /// something better. It gives up where, at the rate at which it meets rows that are admitted, more than `most` would
    /// have to be scored; whether it came to its end is returned.
    pub(crate) fn walk_admitted(
        &mut self,
        links: &impl Links,
        scorer: &mut impl Scorer,
        most: usize,
        admits: impl Fn(u32) -> bool,
    ) -> bool {
        let ef = self.pool.capacity();
        self.open.clear();
        self.open.extend(self.pool.iter());
        self.pool.begin(ef);
        for entry in self.open.iter().filter(|entry| admits(entry.id)) {
            self.pool.push(entry.score, entry.id);
        }
        let mut scored = 0;
        while self.expand_open(links) {
            scored += self.fresh.len();
            scorer.score(&mut self.fresh, &mut self.scores, self.pool.threshold());
            for (row, score) in self.fresh.iter().zip(&self.scores) {
                if *score > self.pool.threshold() {
                    let (score, id) = (*score, *row);
                    self.open.push(Scored { score, id });
                    if admits(id) {
                        self.pool.push(score, id);
                    }
                }
            }
            let expected = scored.saturating_mul(ef) / self.pool.len().max(1);
            if scored > most || scored > most / PATIENCE && expected > most {
                return false;
            }
        }
        true
    }

    /// Expands the best open rows, a few at once; false when none could lead to something better.
    fn expand_open(&mut self, links: &impl Links) -> bool {
        let Self {
            visited,
            pool,
            fresh,
            open,
            ..
        } = self;
        fresh.clear();
        let threshold = pool.threshold();
        let mut expanded = 0;
        while expanded < AT_ONCE
            && let Some(nearest) = open.pop()
        {
            if nearest.score < threshold {
                break;
            }
            links.each(nearest.id, |next| {
                if visited.mark(next) {
                    fresh.push(next);
                }
            });
            expanded += 1;
        }
        if let Some(next) = open.peek() {
            links.prefetch(next.id);
        }
        expanded > 0
    }

    /// Puts what the walk found into the order of other scores.
    pub(crate) fn rescore(&mut self, score: impl FnOnce(&[u32], &mut Vec<f32>)) {
        self.fresh.clear();
        self.fresh.extend(self.pool.iter().map(|found| found.id));
        score(&self.fresh, &mut self.scores);
        self.pool.rescore(&self.scores);
    }

    /// What the walk found.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Links for GraphView<'_> {
    #[inline]
    fn each(&self, row: u32, mut visit: impl FnMut(u32)) {
        for next in self.neighbours(row) {
            if *next == NONE {
                break;
            }
            visit(*next);
        }
    }

    #[inline]
    fn prefetch(&self, row: u32) {
        prefetch(self.neighbours(row));
    }
}
