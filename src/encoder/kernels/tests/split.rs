use super::dot::Encoding;
use super::encode::widened;
use super::storage::numbers;
use super::testing::noise;
use super::{Activations, Kernels, Precision};

#[test]
fn the_parts_of_a_number_are_all_of_it() {
    let all = Kernels::available().into_iter();
    for kernels in all.filter(|kernels| kernels.encoding(Precision::SplitF32) == Encoding::SplitF32) {
        let mut row = noise(1000, 1);
        row.extend([
            0.0,
            -0.0,
            f32::MAX,
            f32::MIN,
            1.0 + f32::EPSILON,
            2f32.powi(-110),
            -1.5e-33,
        ]);
        let mut rows = Activations::default();
        rows.convert(kernels, Precision::SplitF32, &row, row.len()).unwrap();
        let rows = rows.all();
        let parts = numbers::<u16>(rows.values);
        for (at, value) in row.iter().enumerate() {
            // A line of each part.
            let first = 3 * rows.arrangement.place(0, at - at % 32) + at % 32;
            let sum: f64 = (0..3).map(|part| f64::from(widened(parts[first + 32 * part]))).sum();
            assert_eq!(sum, f64::from(*value), "{at}");
        }
    }
}
