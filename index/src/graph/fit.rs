//! What one kind of score tells of another.

/// Scores `y` as a linear function of scores `x`, by least squares over pairs. That only pairs with a great `x` are added
/// from some time on does not bias it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fit {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Fit {
    /// Adds pairs; those of which one is not finite, as of rows that are not there, are left out.
    pub(super) fn add(&mut self, xs: &[f32], ys: &[f32]) {
        for (x, y) in xs.iter().zip(ys) {
            if x.is_finite() && y.is_finite() {
                let (x, y) = (f64::from(*x), f64::from(*y));
                self.count += 1.0;
                self.x += x;
                self.y += y;
                self.xx += x * x;
                self.xy += x * y;
                self.yy += y * y;
            }
        }
    }

    /// Pairs that were added.
    #[cfg(test)]
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// What `x` must be for `y` to reach `threshold` with as many of its standard deviations in its favour.
    pub(super) fn least_for(&self, threshold: f32, deviations: f64) -> f32 {
        let (x, y) = (self.x / self.count, self.y / self.count);
        let spread = self.xx / self.count - x * x;
        let slope = (self.xy / self.count - x * y) / spread;
        let rest = (self.yy / self.count - y * y - slope * slope * spread).max(0.0);
        let least = x + (f64::from(threshold) - y - deviations * rest.sqrt()) / slope;
        if slope > 0.0 && least.is_finite() {
            least as f32
        } else {
            f32::NEG_INFINITY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_with_what_varies_about_it() {
        let xs: Vec<f32> = (0..100u8).map(f32::from).collect();
        let ys: Vec<f32> = xs
            .iter()
            .map(|x| 0.5 * x - 7.0 + if x % 2.0 == 0.0 { 1.0 } else { -1.0 })
            .collect();
        let mut fit = Fit::default();
        fit.add(&xs[..40], &ys[..40]);
        fit.add(&xs[40..], &ys[40..]);
        fit.add(&[f32::NEG_INFINITY, 1.0], &[1.0, f32::NAN]);
        assert!((fit.least_for(-2.0, 0.0) - 10.0).abs() < 0.2);
        assert!((fit.least_for(-2.0, 3.0) - 4.0).abs() < 0.2);
    }

    #[test]
    fn what_tells_nothing_rules_nothing_out() {
        for pairs in [
            [[0.0, 0.0], [0.0, 0.0]],
            [[1.0, 1.0], [1.0, 2.0]],
            [[1.0, 2.0], [2.0, 1.0]],
        ] {
            let mut fit = Fit::default();
            fit.add(&pairs[0], &pairs[1]);
            assert_eq!(fit.least_for(0.5, 1.0), f32::NEG_INFINITY, "{pairs:?}");
        }
        assert_eq!(Fit::default().least_for(0.5, 1.0), f32::NEG_INFINITY);
    }
}
