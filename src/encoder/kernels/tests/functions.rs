use super::super::Kernels;
use super::super::dot::{Dot, Work};
use super::super::layout::Precision;
use super::super::testing::activation;
use super::*;

struct Exponentials<'a>(&'a mut [f32]);

impl Work for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        for value in self.0 {
            // SAFETY: one value is read and written.
            unsafe {
                let power = exp(D::Lanes::load_first(value, 1));
                power.store_first(value, 1);
            }
        }
    }
}

struct Activated<'a>(Activation, &'a mut [f32]);

impl Work for Activated<'_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        self.0.apply::<D::Lanes>(self.1);
    }
}

#[test]
fn the_exponential_is_within_its_bound() {
    let arguments: Vec<f32> = (-8700..=8800i16).map(|step| f32::from(step) / 100.0).collect();
    for kernels in Kernels::available() {
        let mut powers = arguments.clone();
        kernels.run(Precision::F32, Exponentials(&mut powers));
        for (x, got) in arguments.iter().zip(powers) {
            let exact = f64::from(*x).exp();
            assert!(
                (f64::from(got) / exact - 1.0).abs() < 3e-7,
                "{}: {x}: {got} {exact}",
                kernels.name()
            );
        }
        let mut extremes = [-1e30, 1e30, f32::NAN];
        kernels.run(Precision::F32, Exponentials(&mut extremes));
        assert!(extremes[0] < 1e-37 && extremes[1].is_finite() && extremes[2].is_nan());
    }
}

#[test]
fn activations_are_as_defined_over_the_whole_range() {
    let arguments: Vec<f32> = (-30_000..=30_001i16).map(|step| f32::from(step) / 1000.0).collect();
    for kernels in Kernels::available() {
        for which in [
            Activation::Gelu,
            Activation::TanhGelu,
            Activation::QuickGelu,
            Activation::Relu6,
        ] {
            let mut got = arguments.clone();
            kernels.run(Precision::F32, Activated(which, &mut got));
            for (x, got) in arguments.iter().zip(got) {
                let (x, got) = (f64::from(*x), f64::from(got));
                let difference = (got - activation(which, x)).abs();
                assert!(
                    difference < 1e-6 * x.abs().max(1.0),
                    "{} {which:?}: {x}: {got}",
                    kernels.name()
                );
            }
        }
    }
}
