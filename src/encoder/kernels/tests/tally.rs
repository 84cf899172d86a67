use super::super::testing::noise;
use super::*;

fn exact(scores: &[f32], scale: f32) -> f64 {
    let powers = scores.iter().map(|score| f64::from(scale * (score - 1.0)).exp());
    f64::from(scale) + powers.sum::<f64>().ln()
}

#[test]
fn sums_and_largest_are_those_of_all_scores_whatever_the_parts() {
    for kernels in Kernels::available() {
        for (count, part, scale) in [(1, 1, 10.0), (37, 5, 100.0), (256, 256, 1.0), (3_000, 777, 100.0)] {
            let scores = noise(count, 5);
            let mut powers = PowerSum::new(scale);
            let (mut best, mut bound) = (Vec::new(), f32::NEG_INFINITY);
            for (index, scores) in scores.chunks(part).enumerate() {
                kernels.tally(scores, &mut powers, bound, |place, score| {
                    best.push((index * part + place, score));
                    best.sort_by(|a, b| b.1.total_cmp(&a.1));
                    best.truncate(4);
                    bound = if best.len() < 4 { bound } else { best[3].1 };
                    bound
                });
            }
            let expected = exact(&scores, scale);
            assert!((powers.log() - expected).abs() < 1e-4, "{} of {count}", kernels.name());
            let mut sorted: Vec<_> = scores.iter().copied().enumerate().collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
            sorted.truncate(4);
            assert_eq!(best, sorted, "{} of {count}", kernels.name());
        }
    }
}

#[test]
fn a_sum_goes_on_from_its_logarithm() {
    let scores = noise(900, 6);
    let kernels = Kernels::best();
    let mut first = PowerSum::new(100.0);
    kernels.tally(&scores[..500], &mut first, f32::INFINITY, |_, _| f32::INFINITY);
    let mut second = PowerSum::resumed(100.0, first.log());
    kernels.tally(&scores[500..], &mut second, f32::INFINITY, |_, _| f32::INFINITY);
    assert!((second.log() - exact(&scores, 100.0)).abs() < 1e-4);
    assert_eq!(PowerSum::new(2.0).log(), f64::NEG_INFINITY);
}
