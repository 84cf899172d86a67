//! The most that a core can compute.

use std::hint::black_box;
use std::time::Instant;

use super::choice::Kernels;
use super::dot::{Dot, Work};
use super::lanes::Lanes;
use super::layout::Precision;

/// Independent sums: enough that no multiply-add waits for the one before it.
const CHAINS: usize = 12;
const STEPS: usize = 1 << 20;
/// Others may use the core too; the best of so many runs is its peak.
const RUNS: usize = 12;

impl Kernels {
    /// What one core computes in f32 where nothing has to be read: billions of operations a second, of which a
    /// multiply-add is two.
    pub(crate) fn peak(self) -> f64 {
        (0..RUNS).map(|_| self.run(Precision::F32, Peak)).fold(0.0, f64::max)
    }
}

struct Peak;

impl Work for Peak {
    type Output = f64;

    #[inline(always)]
    fn run<D: Dot>(self) -> f64 {
        let (factor, term) = (D::Lanes::splat(black_box(0.999)), D::Lanes::splat(black_box(0.001)));
        let mut sums = [D::Lanes::splat(black_box(1.0)); CHAINS];
        let start = Instant::now();
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, term);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        black_box(sums.map(Lanes::sum));
        (2 * CHAINS * STEPS * D::Lanes::COUNT) as f64 / seconds / 1e9
    }
}
