//! A hierarchical navigable small-world graph (Malkov and Yashunin, 2016, arXiv:1603.09320) in flat arrays.

mod bridge;
mod build;
mod fit;
mod insert;
mod lists;
mod nearest;
mod pool;
mod prune;
mod repair;
mod scaffold;
mod score;
mod search;
mod steps;
mod visited;

pub(crate) use build::{BuildOptions, Built, build};
pub(crate) use pool::MAX_ROWS;
pub(crate) use score::{Guide, Target};
pub(crate) use search::Walker;

use crate::segment::format::LEVELS;

/// A graph in memory, over the rows of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Graph {
    /// Row where every search begins.
    pub(crate) entry: u32,
    /// Neighbours a row at level 0.
    pub(crate) stride: usize,
    /// `stride` rows for each row, filled up with `format::NONE`.
    pub(crate) level0: Vec<u32>,
    /// Neighbours a node above level 0.
    pub(crate) upper_stride: usize,
    /// Levels 1 and up.
    pub(crate) upper: Vec<Level>,
}

/// One level above level 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Level {
    /// The rows that are on this level, ascending.
    pub(crate) nodes: Vec<u32>,
    /// `upper_stride` rows for each of `nodes`, filled up with `format::NONE`.
    pub(crate) neighbours: Vec<u32>,
}

/// A graph wherever it lies. Nothing in it is trusted: rows out of range are skipped.
pub(crate) struct GraphView<'a> {
    pub(crate) entry: u32,
    pub(crate) stride: usize,
    pub(crate) level0: &'a [u32],
    pub(crate) upper_stride: usize,
    /// Levels 1 and up; those that the graph does not have are empty.
    pub(crate) upper: [LevelView<'a>; LEVELS],
}

/// One level of a [`GraphView`].
#[derive(Clone, Copy, Default)]
pub(crate) struct LevelView<'a> {
    pub(crate) nodes: &'a [u32],
    pub(crate) neighbours: &'a [u32],
}

impl Graph {
    fn view(&self) -> GraphView<'_> {
        let mut upper = [LevelView::default(); LEVELS];
        for (view, level) in upper.iter_mut().zip(&self.upper) {
            (view.nodes, view.neighbours) = (&level.nodes, &level.neighbours);
        }
        GraphView {
            entry: self.entry,
            stride: self.stride,
            level0: &self.level0,
            upper_stride: self.upper_stride,
            upper,
        }
    }
}

impl GraphView<'_> {
    /// The neighbours of a row at level 0, unused places included.
    fn neighbours(&self, row: u32) -> &[u32] {
        let start = row as usize * self.stride;
        self.level0.get(start..start + self.stride).unwrap_or_default()
    }

    /// The neighbours of a row at a level above, none when it is not on that level.
    fn upper_neighbours<'b>(&self, level: &LevelView<'b>, row: u32) -> &'b [u32] {
        let Ok(at) = level.nodes.binary_search(&row) else {
            return &[];
        };
        let start = at * self.upper_stride;
        level
            .neighbours
            .get(start..start + self.upper_stride)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
