//! What users wait for: preparing and embedding a photograph, embedding a query, recognising out of a large bank.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use std::hint::black_box;
use std::path::Path;

use clipdex::encoder::{Model, Pixels};
use clipdex::labels::ZeroShot;
use clipdex::media::{self, Limits};
use clipdex_index::VectorSet;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const LABELS: u64 = 21_841;

fn image_side(criterion: &mut Criterion) {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/cat.jpg")).unwrap();
    let encoder = Model::open("starter").unwrap().image_encoder().unwrap();
    let photo = media::decode(&bytes, &Limits::default()).unwrap();
    let pixels = encoder.preprocess(&photo.image).unwrap();

    criterion.bench_function("decode a photograph", |b| {
        b.iter(|| media::decode(&bytes, &Limits::default()).unwrap());
    });
    criterion.bench_function("preprocess a photograph", |b| {
        b.iter(|| encoder.preprocess(&photo.image).unwrap());
    });
    let mut group = criterion.benchmark_group("embed photographs");
    for count in [1, 32] {
        let batch: Vec<&Pixels> = vec![&pixels; count];
        group.throughput(Throughput::Elements(count as u64)).sample_size(10);
        group.bench_function(count.to_string(), |b| {
            b.iter(|| encoder.embed(black_box(&batch)).unwrap());
        });
    }
}

fn text_side(criterion: &mut Criterion) {
    let encoder = Model::open("starter").unwrap().text_encoder().unwrap();
    let texts: Vec<String> = (0..256).map(|i| format!("a photo of a thing number {i}.")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut group = criterion.benchmark_group("embed texts");
    for count in [1, 256] {
        group.throughput(Throughput::Elements(count as u64)).sample_size(10);
        group.bench_function(count.to_string(), |b| {
            b.iter(|| encoder.embed(black_box(&texts[..count])).unwrap());
        });
    }
}

fn recognition(criterion: &mut Criterion) {
    let model = Model::open("starter").unwrap();
    let dim = model.identity().dim;
    // The values do not matter to the time.
    let data: Vec<f32> = (0..LABELS as usize * dim).map(|i| (i % 251) as f32 / 251.0).collect();
    let image = data[..dim].to_vec();
    criterion.bench_function("recognise out of 21,841 labels", |b| {
        let labels = || {
            ZeroShot::new(
                VectorSet {
                    ids: (0..LABELS).collect(),
                    data: data.clone(),
                    dim,
                },
                model.identity(),
            )
        };
        b.iter_batched_ref(
            labels,
            |labels| labels.classify(&image, 5).unwrap(),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, image_side, text_side, recognition);
criterion_main!(benches);
