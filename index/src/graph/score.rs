//! What rows are scored by.

use super::Walker;
use super::fit::Fit;
use crate::quantize::{CodesView, PreparedQuery};
use crate::sketch::{Lead, SketchedQuery, SketchesView};

/// How similar rows are to what is searched for.
pub(crate) trait Scorer {
    /// Keeps those of `rows` whose scores may exceed `threshold`: a few that do may be left out. The scores of those
    /// that are kept are in `scores` alone when it returns.
    fn score(&mut self, rows: &mut Vec<u32>, scores: &mut Vec<f32>, threshold: f32);
}

/// A row is scored by its codes unless by its sketch its score lies so many standard deviations of what sketches leave
/// open below what is kept.
const DEVIATIONS: f64 = 2.0;

/// A query in the forms that rows are scored by. Its memory serves one query after another.
#[derive(Default)]
pub(crate) struct Target {
    prepared: PreparedQuery,
    sketched: SketchedQuery,
    /// Scores by sketches.
    rough: Vec<f32>,
}

/// What leads a walk: sketches where they tell enough, or else codes, as far as sketches do not tell that a row cannot be
/// good enough.
///
/// How far sketches are off depends on the query. So the first rows, which are kept whatever they are, are scored both
/// ways, and so are all that sketches do not sift out: the margin is made of what that shows.
pub(crate) struct Guide<'a> {
    target: &'a mut Target,
    codes: CodesView<'a>,
    sketches: Option<SketchesView<'a>>,
    fit: Fit,
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
            fit: Fit::default(),
        }
    }
}

impl Guide<'_> {
    /// Puts what a walk found into the order of its scores by codes, if it is not.
    pub(crate) fn settle(&self, walker: &mut Walker) {
        if self.sketches.is_some_and(|sketches| sketches.lead == Lead::Alone) {
            walker.rescore(|rows, scores| self.target.prepared.score_listed(&self.codes, rows, scores));
        }
    }

    /// How many of a row's scales its score by codes is off by: see [`PreparedQuery::deviation`].
    pub(crate) fn deviation(&self) -> f32 {
        self.target.prepared.deviation(&self.codes)
    }
}

impl Scorer for Guide<'_> {
    fn score(&mut self, rows: &mut Vec<u32>, scores: &mut Vec<f32>, threshold: f32) {
        let Target {
            prepared,
            sketched,
            rough,
        } = &mut *self.target;
        let Some(sketches) = &self.sketches else {
            return prepared.score_listed(&self.codes, rows, scores);
        };
        if sketches.lead == Lead::Alone {
            return sketched.score_listed(sketches, rows, scores);
        }
        sketched.score_listed(sketches, rows, rough);
        if threshold > f32::NEG_INFINITY {
            let least = self.fit.least_for(threshold, DEVIATIONS);
            let mut each = rough.iter();
            rows.retain(|_| each.next().is_some_and(|score| *score >= least));
            rough.retain(|score| *score >= least);
        }
        prepared.score_listed(&self.codes, rows, scores);
        self.fit.add(rough, scores);
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::matrix::Matrix;
    use crate::quantize::Codes;
    use crate::sketch::Sketches;
    use crate::testing::{Noise, unit};

    #[test]
    fn sketches_sift_out_most_rows_and_hardly_any_that_is_kept() {
        const DIM: usize = 256;
        let mut noise = Noise::new(3);
        // Along each axis a little less than along the one before.
        let mut vector = || {
            let values = noise.values(DIM).into_iter().enumerate();
            unit(
                values
                    .map(|(axis, value)| value * (-(axis as f32) / 60.0).exp())
                    .collect(),
            )
        };
        let matrix = Matrix {
            ids: (0..4_000).collect(),
            vectors: (0..4_000).flat_map(|_| vector()).map(f16::from_f32).collect(),
            dim: DIM,
        };
        let codes = Codes::new(&matrix).unwrap();
        let sketches = Sketches::new(&matrix, &[]).unwrap().unwrap();
        let sifting = SketchesView {
            lead: Lead::Sifting,
            ..sketches.view()
        };
        let (mut walker, mut target) = (Walker::default(), Target::default());
        let (mut kept, mut scored) = (0, 0.0);
        for query in (0..20).map(|_| vector()) {
            let mut best = [None, Some(sifting)].map(|sketches| {
                let mut guide = target.prepare(codes.view(), sketches, &query);
                walker.begin(4_000, 40);
                (0..4_000)
                    .step_by(50)
                    .for_each(|from| walker.offer(&mut guide, from..from + 50));
                scored += guide.fit.count();
                walker.pool().iter().map(|found| found.id).collect::<Vec<_>>()
            });
            let [by_codes, sifted] = &mut best;
            sifted.retain(|row| by_codes.contains(row));
            kept += sifted.len();
        }
        assert!(kept > 700, "{kept} of 800");
        assert!(scored < 20.0 * 2_000.0, "{scored} of 80,000");
    }
}
