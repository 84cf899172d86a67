//! What rows are scored by.

use super::Walker;
use crate::quantize::{CodesView, PreparedQuery};
use crate::sketch::{SketchedQuery, SketchesView};

/// How similar rows are to what is searched for.
pub(crate) trait Scorer {
    /// The scores of rows, in `scores` alone when it returns.
    fn score(&self, rows: &[u32], scores: &mut Vec<f32>);
}

/// A query in the forms that rows are scored by. Its memory serves one query after another.
#[derive(Default)]
pub(crate) struct Target {
    prepared: PreparedQuery,
    sketched: SketchedQuery,
}

/// What leads a walk: sketches where there are some, which are good enough to find the way, or else codes.
pub(crate) struct Guide<'a> {
    target: &'a Target,
    codes: CodesView<'a>,
    sketches: Option<SketchesView<'a>>,
}

impl Target {
    /// Prepares a query.
    pub(crate) fn prepare<'a>(
        &'a mut self,
        codes: CodesView<'a>,
        sketches: Option<SketchesView<'a>>,
        query: &[f32],
    ) -> Guide<'a> {
        self.prepared.prepare(&codes, query);
        if let Some(sketches) = &sketches {
            self.sketched.prepare(sketches, query);
        }
        Guide {
            target: self,
            codes,
            sketches,
        }
    }
}

impl Guide<'_> {
    /// Puts what a walk found into the order of its scores by codes, if it is not.
    pub(crate) fn settle(&self, walker: &mut Walker) {
        if self.sketches.is_some() {
            walker.rescore(|rows, scores| self.target.prepared.score_listed(&self.codes, rows, scores));
        }
    }

    /// How many of a row's scales its score by codes is off by: see [`PreparedQuery::deviation`].
    pub(crate) fn deviation(&self) -> f32 {
        self.target.prepared.deviation(&self.codes)
    }
}

impl Scorer for Guide<'_> {
    fn score(&self, rows: &[u32], scores: &mut Vec<f32>) {
        match &self.sketches {
            Some(sketches) => self.target.sketched.score_listed(sketches, rows, scores),
            None => self.target.prepared.score_listed(&self.codes, rows, scores),
        }
    }
}
