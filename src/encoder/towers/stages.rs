//! Where the time of a tower goes: not a test, but a table of measurements, for it needs what is private to a layer.
//!
//! `cargo test --release --locked --workspace --lib stages -- --ignored --nocapture --test-threads 1`

use std::time::{Duration, Instant};

use super::*;
use crate::encoder::kernels::{Kernels, Precision, testing::noise};
use crate::encoder::towers::parts::Compute;

/// The image tower of CLIP ViT-B/32, and the images that go through it at once.
const LAYERS: usize = 12;
const WIDTH: usize = 768;
const INNER: usize = 4 * WIDTH;
const TOKENS: usize = 50;
const IMAGES: usize = 8;
const ATTENTION: Attention = Attention {
    heads: 12,
    causal: false,
};
/// Passes through all layers; the medians of their sums are printed.
const PASSES: usize = 15;

const STAGES: [&str; 7] = [
    "norms, and conversion of their rows",
    "product: queries, keys and values",
    "attention",
    "conversion of what attention gives",
    "product: after attention, and residual",
    "product: to the wide rows, QuickGELU, and conversion",
    "product: back, and residual",
];

#[test]
#[ignore = "measures, and takes long"]
fn the_stages_of_a_vision_transformer() {
    let kernels = Kernels::best();
    let peak = kernels.peak();
    println!(
        "{}: {peak:.1} GFLOP/s in f32, {IMAGES} images of {TOKENS} tokens, {LAYERS} layers",
        kernels.name()
    );
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        let precision = kernels.of_many_tokens(precision);
        let layers: Vec<_> = (0..LAYERS)
            .map(|seed| layer(Compute { kernels, precision }, seed as u64))
            .collect();
        let mut states = noise(IMAGES * TOKENS * WIDTH, 1);
        let mut workspace = Workspace::default();
        let mut passes: Vec<[Duration; STAGES.len()]> = Vec::new();
        for _ in 0..PASSES {
            let mut pass = [Duration::ZERO; STAGES.len()];
            for layer in &layers {
                time(layer, &mut states, &mut workspace, &mut pass).unwrap();
            }
            passes.push(pass);
        }
        print(precision, peak, &passes);
    }
}

fn layer(compute: Compute, seed: u64) -> Layer {
    let pack = |outputs, depth| {
        let weights: Vec<f32> = noise(outputs * depth, seed).iter().map(|value| value / 30.0).collect();
        PackedMatrix::pack(
            compute.kernels,
            compute.precision,
            &weights,
            (outputs, depth),
            Some(&vec![0.0; outputs]),
        )
        .unwrap()
    };
    let norm = || Norm::new(vec![1.0; WIDTH], vec![0.0; WIDTH], 1e-5).unwrap();
    Layer {
        compute,
        attention_norm: norm(),
        query_key_value: pack(3 * WIDTH, WIDTH),
        attention_output: pack(WIDTH, WIDTH),
        feed_forward: FeedForward {
            compute,
            norm: norm(),
            first: pack(INNER, WIDTH),
            activation: Activation::QuickGelu,
            second: pack(WIDTH, INNER),
        },
    }
}

/// A layer's work as `Layer::attend` and `Layer::finish` do it, with the time of each stage.
fn time(
    layer: &Layer,
    states: &mut [f32],
    workspace: &mut Workspace,
    times: &mut [Duration; STAGES.len()],
) -> Result<(), KernelError> {
    let Compute { kernels, precision } = layer.compute;
    let Workspace {
        activations,
        scratch,
        wide,
        context,
    } = workspace;
    let mut start = Instant::now();
    let mut stage = |at: usize| {
        let now = Instant::now();
        times[at] += now - start;
        start = now;
    };
    let context = context.first(states.len());
    activations.norm(kernels, precision, &layer.attention_norm, states)?;
    stage(0);
    let attended = (kernels, kernels.attention(precision));
    let input = wide.multiply(&layer.query_key_value, activations.all(), None, attended)?;
    stage(1);
    ATTENTION.attend(kernels, input, &[TOKENS; IMAGES], context, scratch)?;
    stage(2);
    activations.convert(kernels, precision, context, WIDTH)?;
    stage(3);
    layer
        .attention_output
        .multiply(activations.all(), Epilogue::Accumulate, states)?;
    stage(4);
    let FeedForward {
        norm,
        first,
        activation,
        second,
        ..
    } = &layer.feed_forward;
    activations.norm(kernels, precision, norm, states)?;
    stage(0);
    let rows = wide.multiply(first, activations.all(), Some(*activation), (kernels, precision))?;
    stage(5);
    second.multiply(rows, Epilogue::Accumulate, states)?;
    stage(6);
    Ok(())
}

fn print(precision: Precision, peak: f64, passes: &[[Duration; STAGES.len()]]) {
    let median = |of: &dyn Fn(&[Duration; STAGES.len()]) -> Duration| {
        let mut times: Vec<_> = passes.iter().map(of).collect();
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let all = median(&|pass| pass.iter().sum());
    let product = |outputs: usize, depth: usize| 2.0 * (LAYERS * IMAGES * TOKENS * outputs * depth) as f64;
    let attention = 4.0 * (LAYERS * IMAGES * TOKENS * TOKENS * WIDTH) as f64;
    let operations = [
        0.0,
        product(3 * WIDTH, WIDTH),
        attention,
        0.0,
        product(WIDTH, WIDTH),
        product(INNER, WIDTH),
        product(WIDTH, INNER),
    ];
    println!(
        "\n{precision:?}, {:.1} ms\n| stage | ms | of the time | of the peak |\n| --- | ---: | ---: | ---: |",
        all * 1e3
    );
    for (at, (name, operations)) in STAGES.iter().zip(operations).enumerate() {
        let seconds = median(&|pass| pass[at]);
        let (share, of_peak) = (100.0 * seconds / all, 100.0 * operations / seconds / peak / 1e9);
        println!("| {name} | {:.1} | {share:.1}% | {of_peak:.0}% |", seconds * 1e3);
    }
}
