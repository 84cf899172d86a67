//! Functions of whole registers: exponential, error function, and the activations made of them.

#![allow(unsafe_code, reason = "loads and stores of whole registers")]

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

use super::lanes::Lanes;

/// The activation after a product: of the first of a transformer's feed-forward network, or of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x * P(X <= x)` of a standard normal X (Hendrycks and Gimpel, 2016), by the error function.
    Gelu,
    /// The same authors' approximation by a hyperbolic tangent.
    TanhGelu,
    /// The same authors' approximation `x * sigmoid(1.702 x)`, which OpenAI trained CLIP with.
    QuickGelu,
    /// `x` between 0 and 6 (Howard et al., MobileNets, 2017).
    Relu6,
}

impl Activation {
    /// Replaces each value of `row` by its activation.
    #[inline(always)]
    pub(super) fn apply<L: Lanes>(self, row: &mut [f32]) {
        match self {
            Self::Gelu => map::<L, Gelu>(row),
            Self::TanhGelu => map::<L, TanhGelu>(row),
            Self::QuickGelu => map::<L, QuickGelu>(row),
            Self::Relu6 => map::<L, Relu6>(row),
        }
    }
}

/// A function of each value. A trait and not a closure, since `of` must be `#[inline(always)]`: left as a function of its
/// own, it would be compiled without the instructions.
pub(super) trait Function {
    fn of<L: Lanes>(x: L) -> L;
}

struct Gelu;
struct TanhGelu;
struct QuickGelu;
pub(super) struct Relu6;

impl Function for Gelu {
    #[inline(always)]
    fn of<L: Lanes>(x: L) -> L {
        L::splat(0.5) * x * (L::splat(1.0) + erf(x * L::splat(FRAC_1_SQRT_2)))
    }
}

impl Function for TanhGelu {
    /// 0.5 (1 + tanh u) is sigmoid(2u), where u = sqrt(2 / pi) (x + 0.044715 x^3).
    #[inline(always)]
    fn of<L: Lanes>(x: L) -> L {
        let cubic = (x * x).mul_add(L::splat(0.044_715), L::splat(1.0)) * x;
        x * (L::splat(1.0) + exp(cubic * L::splat(-2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2))).reciprocal()
    }
}

impl Function for QuickGelu {
    #[inline(always)]
    fn of<L: Lanes>(x: L) -> L {
        x * (L::splat(1.0) + exp(x * L::splat(-1.702))).reciprocal()
    }
}

impl Function for Relu6 {
    #[inline(always)]
    fn of<L: Lanes>(x: L) -> L {
        x.max(L::splat(0.0)).min(L::splat(6.0))
    }
}

/// Replaces each value of `row` by its function.
#[inline(always)]
fn map<L: Lanes, F: Function>(row: &mut [f32]) {
    let (whole, rest) = row.split_at_mut(row.len() - row.len() % L::COUNT);
    // SAFETY: as many values are read and written as there are.
    unsafe {
        for values in whole.chunks_exact_mut(L::COUNT) {
            F::of(L::load(values.as_ptr())).store(values.as_mut_ptr());
        }
        if !rest.is_empty() {
            F::of(L::load_first(rest.as_ptr(), rest.len())).store_first(rest.as_mut_ptr(), rest.len());
        }
    }
}

/// The error function to within 5e-7: the rational approximation of Eigen and XLA.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "as published")]
fn erf<L: Lanes>(x: L) -> L {
    const NUMERATOR: [f32; 7] = [
        -2.726_142_258_013_06e-10,
        2.770_681_424_959_02e-8,
        -2.101_024_020_825_08e-6,
        -5.692_506_394_623_46e-5,
        -7.349_906_303_268_55e-4,
        -2.954_599_808_540_25e-3,
        -1.609_603_332_624_15e-2,
    ];
    const DENOMINATOR: [f32; 5] = [
        -1.456_607_184_649_96e-5,
        -2.133_740_552_789_05e-4,
        -1.682_826_974_382_03e-3,
        -7.373_329_167_204_68e-3,
        -1.426_473_905_141_89e-2,
    ];
    let x = x.max(L::splat(-4.0)).min(L::splat(4.0));
    let square = x * x;
    x * polynomial(&NUMERATOR, square) * polynomial(&DENOMINATOR, square).reciprocal()
}

/// The exponential function to within 3e-7 of its value, between -87 and 88; arguments beyond are taken for these.
///
/// `exp(x) = 2^n * exp(r)` with `|r| <= ln(2) / 2`, and the polynomial of the Cephes library for `exp(r)`.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "as published")]
pub(super) fn exp<L: Lanes>(x: L) -> L {
    /// Adding it rounds to a whole number, which is then in the low bits of the sum: 1.5 * 2^23.
    const ROUND: f32 = 12_582_912.0;
    /// ln(2) in two parts, the first of which has few digits.
    const LN_2: (f32, f32) = (0.693_359_375, -2.121_944_4e-4);
    const COEFFICIENTS: [f32; 6] = [
        1.987_569_15e-4,
        1.398_199_95e-3,
        8.333_451_91e-3,
        4.166_579_59e-2,
        1.666_666_55e-1,
        5.000_000_12e-1,
    ];
    let x = x.max(L::splat(-87.0)).min(L::splat(88.0));
    let rounded = x.mul_add(L::splat(LOG2_E), L::splat(ROUND));
    let n = rounded - L::splat(ROUND);
    let r = n.mul_add(L::splat(-LN_2.1), n.mul_add(L::splat(-LN_2.0), x));
    let fraction = polynomial(&COEFFICIENTS, r).mul_add(r * r, r + L::splat(1.0));
    fraction * rounded.power_of_two()
}

/// The polynomial of these coefficients, highest power first.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(coefficients: &[f32; N], x: L) -> L {
    let mut sum = L::splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, L::splat(*coefficient));
    }
    sum
}

#[cfg(test)]
#[path = "tests/functions.rs"]
mod tests;
