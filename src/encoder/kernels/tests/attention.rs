use super::super::Activations;
use super::super::encode::{bf16_bits, widened};
use super::super::testing::{exact, noise, product, relative_difference, softmax};
use super::*;

const HEADS: usize = 3;

/// Attention of one sequence, step by step in f64.
fn reference(input: &[f32], width: usize, causal: bool) -> Vec<f64> {
    let size = width / HEADS;
    let rows: Vec<Vec<f64>> = input.chunks_exact(3 * width).map(exact).collect();
    let mut output = vec![0.0; rows.len() * width];
    for first in (0..width).step_by(size) {
        let part = |token: usize, which: usize| &rows[token][which * width + first..][..size];
        for token in 0..rows.len() {
            let visible = if causal { token + 1 } else { rows.len() };
            let keys: Vec<f64> = (0..visible).flat_map(|other| part(other, 1).to_vec()).collect();
            let scores = product(part(token, 0), &keys, &vec![0.0; visible], size);
            let scores: Vec<f64> = scores.iter().map(|score| score / (size as f64).sqrt()).collect();
            for (other, weight) in softmax(&scores).into_iter().enumerate() {
                let sums = &mut output[token * width + first..][..size];
                sums.iter_mut()
                    .zip(part(other, 2))
                    .for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    output
}

/// What all tokens attend to, with rows in `precision`, and the rows as they are then.
fn attended(
    (kernels, precision): (Kernels, Precision),
    attention: Attention,
    input: &[f32],
    (lengths, width): (&[usize], usize),
) -> Result<(Vec<f32>, Vec<f32>), KernelError> {
    let mut rows = Activations::default();
    rows.convert(kernels, kernels.attention(precision), input, 3 * width)?;
    let mut output = vec![f32::NAN; input.len() / 3];
    attention.attend(kernels, rows.all(), lengths, &mut output, &mut Scratch::default())?;
    let rounded = match kernels.attention(precision) {
        Precision::F32 => input.to_vec(),
        _ => input.iter().map(|value| widened(bf16_bits(*value))).collect(),
    };
    Ok((output, rounded))
}

/// The weights of values are rounded to bf16 too, by half a step of 2^-8 at most.
fn tolerance(kernels: Kernels, precision: Precision) -> f64 {
    match kernels.attention(precision) {
        Precision::F32 => 5e-6,
        _ => 1.0 / 256.0,
    }
}

#[test]
fn each_sequence_attends_to_itself_alone() {
    let lengths = [4, 1, 0, 7, 133];
    let tokens: usize = lengths.iter().sum();
    // Head sizes of 10, of a half and a whole panel of some kernels, and of more than one.
    for width in [30, 96, 192, 216] {
        let input: Vec<f32> = noise(tokens * 3 * width, 1).iter().map(|value| value * 3.0).collect();
        for (causal, kernels) in [false, true]
            .into_iter()
            .flat_map(|causal| Kernels::available().into_iter().map(move |kernels| (causal, kernels)))
        {
            for precision in [Precision::F32, Precision::Bf16] {
                let attention = Attention { heads: HEADS, causal };
                let (output, rounded) = attended((kernels, precision), attention, &input, (&lengths, width)).unwrap();
                let mut expected = Vec::new();
                let mut rest = &rounded[..];
                for length in lengths {
                    let (sequence, later) = rest.split_at(length * 3 * width);
                    expected.extend(reference(sequence, width, causal));
                    rest = later;
                }
                let difference = relative_difference(&output, &expected);
                assert!(
                    difference < tolerance(kernels, precision),
                    "{} {precision:?} {width} {causal}: {difference}",
                    kernels.name()
                );
            }
        }
    }
}

#[test]
fn a_sequence_does_not_depend_on_the_others() {
    let (width, lengths) = (48, [5, 77, 12]);
    let input = noise(94 * 3 * width, 2);
    for kernels in Kernels::available() {
        for precision in [Precision::F32, Precision::Bf16] {
            for causal in [false, true] {
                let attention = Attention { heads: HEADS, causal };
                let compute = (kernels, precision);
                let (all, _) = attended(compute, attention, &input, (&lengths, width)).unwrap();
                let sequence = &input[5 * 3 * width..][..77 * 3 * width];
                let (alone, _) = attended(compute, attention, sequence, (&[77], width)).unwrap();
                assert_eq!(all[5 * width..][..alone.len()], alone, "{}", kernels.name());
            }
        }
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let attend = |heads, lengths: &[usize], outputs: usize| {
        let attention = Attention { heads, causal: false };
        let mut output = vec![0.0; outputs];
        let input = Rows::plain(&[0.0; 36], 18).unwrap();
        attention.attend(Kernels::best(), input, lengths, &mut output, &mut Scratch::default())
    };
    assert!(attend(3, &[1, 1], 12).is_ok());
    assert!(attend(3, &[1, 2], 12).is_err());
    assert!(attend(4, &[1, 1], 12).is_err());
    assert!(attend(0, &[1, 1], 12).is_err());
    assert!(attend(3, &[1, 1], 10).is_err());
}
