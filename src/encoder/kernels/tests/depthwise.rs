use super::super::testing::{exact, noise, relative_difference};
use super::*;

/// The outputs in f64, from a map that is padded in memory.
fn reference(
    map: &[f32],
    [height, width, channels]: [usize; 3],
    (weights, bias): (&[f32], &[f32]),
    (side, stride): (usize, usize),
) -> Vec<f64> {
    let (map, weights) = (exact(map), exact(weights));
    let [rows, columns] = [height, width].map(|length| length.div_ceil(stride));
    let [top, left] = [height, width].map(|length| same_padding(length, side, stride));
    let mut output = Vec::new();
    for (row, column, channel) in
        (0..rows * columns * channels).map(|at| (at / (columns * channels), at / channels % columns, at % channels))
    {
        let mut sum = f64::from(bias[channel]);
        for (dy, dx) in (0..side * side).map(|tap| (tap / side, tap % side)) {
            let y = (row * stride + dy).checked_sub(top).filter(|y| *y < height);
            let x = (column * stride + dx).checked_sub(left).filter(|x| *x < width);
            if let (Some(y), Some(x)) = (y, x) {
                let weight = weights[channel * side * side + dy * side + dx];
                sum += map[(y * width + x) * channels + channel] * weight;
            }
        }
        output.push(sum.clamp(0.0, 6.0));
    }
    output
}

#[test]
fn same_padding_is_tensorflows() {
    assert_eq!(same_padding(260, 3, 2), 0);
    assert_eq!(same_padding(130, 3, 1), 1);
    assert_eq!(same_padding(65, 5, 2), 2);
    assert_eq!(same_padding(34, 5, 2), 1);
    assert_eq!(same_padding(1, 5, 2), 2);
}

#[test]
fn maps_of_all_sizes_are_convolved() {
    let sizes = [
        [1, 1, 1],
        [2, 3, 7],
        [5, 4, 8],
        [9, 17, 16],
        [13, 6, 37],
        [6, 13, 24],
        [20, 20, 3],
    ];
    for (index, [height, width, channels]) in sizes.into_iter().enumerate() {
        for (side, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            let seed = index as u64 * 4;
            let map: Vec<f32> = noise(height * width * channels, seed)
                .iter()
                .map(|value| value * 4.0)
                .collect();
            let (weights, bias) = (noise(channels * side * side, seed + 1), noise(channels, seed + 2));
            let shape = [height, width, channels];
            let expected = reference(&map, shape, (&weights, &bias), (side, stride));
            let convolution = Depthwise::new(&weights, bias, side, stride).unwrap();
            for kernels in Kernels::available() {
                // In two parts, as where a map is convolved some rows at a time.
                let rows = convolution.along(height);
                let mut output = vec![f32::NAN; expected.len()];
                let (above, below) = output.split_at_mut(expected.len() / rows * (rows / 2));
                for (outputs, output) in [(0..rows / 2, above), (rows / 2..rows, below)] {
                    let reads = convolution.reads(outputs.clone(), height);
                    let map = &map[reads.start * width * channels..reads.end * width * channels];
                    convolution
                        .apply(kernels, map, (height, width), outputs, output)
                        .unwrap();
                }
                let difference = relative_difference(&output, &expected);
                assert!(
                    difference < 1e-6,
                    "{} {shape:?} {side} {stride}: {difference}",
                    kernels.name()
                );
            }
        }
    }
}

#[test]
fn refuses_what_does_not_fit() {
    for (weights, channels, side, stride) in [(0, 0, 3, 1), (17, 2, 3, 1), (18, 2, 3, 3), (32, 2, 4, 1), (18, 2, 3, 0)]
    {
        assert!(Depthwise::new(&vec![0.0; weights], vec![0.0; channels], side, stride).is_err());
    }
    let convolution = Depthwise::new(&[0.0; 18], vec![0.0; 2], 3, 2).unwrap();
    let apply = |map: usize, outputs: Range<usize>, output: usize| {
        convolution.apply(
            Kernels::best(),
            &vec![0.0; map],
            (4, 5),
            outputs,
            &mut vec![0.0; output],
        )
    };
    apply(40, 0..2, 12).unwrap();
    assert!(apply(39, 0..2, 12).is_err() && apply(40, 0..2, 13).is_err());
    assert!(apply(40, 0..3, 18).is_err(), "there are two rows");
    convolution.apply(Kernels::best(), &[], (0, 5), 0..0, &mut []).unwrap();
}
