//! Functions without branches or library calls, so that a loop over them runs on whole registers.

use super::simd::multiply_add;

/// The error function to within 5e-7: the rational approximation of Eigen and XLA.
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub(super) fn erf<const FMA: bool>(x: f32) -> f32 {
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
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    x * polynomial::<FMA>(&NUMERATOR, square) / polynomial::<FMA>(&DENOMINATOR, square)
}

/// The exponential function to within 3e-7 of its value, between -87 and 88; arguments beyond are taken for these.
///
/// `exp(x) = 2^n * exp(r)` with `|r| <= ln(2) / 2`, and the polynomial of the Cephes library for `exp(r)`.
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
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
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = multiply_add::<FMA>(n, -LN_2.1, multiply_add::<FMA>(n, -LN_2.0, x));
    let fraction = multiply_add::<FMA>(polynomial::<FMA>(&COEFFICIENTS, r), r * r, r + 1.0);
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1f32.to_bits()));
    fraction * power
}

/// The polynomial of these coefficients, highest power first.
#[inline(always)]
fn polynomial<const FMA: bool>(coefficients: &[f32], x: f32) -> f32 {
    coefficients
        .iter()
        .fold(0.0, |sum, coefficient| multiply_add::<FMA>(sum, x, *coefficient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_is_within_its_bound() {
        for step in -6000..=6000i16 {
            let x = f32::from(step) / 1000.0;
            let exact = candle_core::cpu::erf::erf_f64(f64::from(x));
            let (fused, plain) = (f64::from(erf::<true>(x)), f64::from(erf::<false>(x)));
            assert!(
                (fused - exact).abs() < 5e-7 && (plain - exact).abs() < 5e-7,
                "{x}: {fused} {plain} {exact}"
            );
        }
    }

    #[test]
    fn exp_is_within_its_bound() {
        for step in -8700..=8800i16 {
            let x = f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            for got in [exp::<true>(x), exp::<false>(x)] {
                assert!((f64::from(got) / exact - 1.0).abs() < 3e-7, "{x}: {got} {exact}");
            }
        }
        assert!(exp::<false>(-1e30) < 1e-37 && exp::<false>(1e30).is_finite());
        assert!(exp::<false>(f32::NAN).is_nan());
    }
}
