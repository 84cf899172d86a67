use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::cli::output::{counted, plain, write_document};
use crate::encoder::{
    Device, Embeddings, EncoderError, Model, Pixels, Precision, default_model, instructions, peak_gflops,
};
use crate::labels::{Builtin, LabelSource, PromptTemplate};
use crate::rgb::RgbImage;

/// Images in a batch, as `clipdex index` has them.
const IMAGES: usize = 32;
const TEXTS: usize = 256;
/// How long each figure is measured.
const PERIOD: Duration = Duration::from_millis(1500);

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    instructions: &'static str,
    threads: usize,
    /// One core at best, in f32.
    peak_gflops: f64,
    precisions: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    device: String,
    precision: &'static str,
    images_per_second: f64,
    texts_per_second: f64,
    /// Smallest cosine with the vectors of the CPU in f32.
    image_cosine: f32,
    text_cosine: f32,
}

const F32: (&str, Precision) = ("f32", Precision::F32);
const BF16: (&str, Precision) = ("bf16", Precision::Bf16);
const INT8: (&str, Precision) = ("int8", Precision::Int8);

/// What is measured, the reference first.
fn runs(device: Device) -> [(Device, (&'static str, Precision)); 3] {
    match device {
        Device::Cpu => [F32, BF16, INT8].map(|precision| (device, precision)),
        device => [(Device::Cpu, F32), (device, F32), (device, BF16)],
    }
}

pub(super) fn bench(name: Option<&str>, device: Device, json: bool, out: &mut dyn Write) -> Result<()> {
    device.check()?;
    let model = Model::open(name.unwrap_or_else(|| default_model()))?;
    let texts = texts()?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut exact = None;
    let mut precisions = Vec::new();
    for (device, (label, precision)) in runs(device) {
        let model = model.clone().with_precision(precision).with_device(device);
        let images = model.image_encoder()?;
        let pixels = pixels(|image| images.preprocess(image))?;
        let pixels: Vec<&Pixels> = pixels.iter().collect();
        let (image_vectors, image_seconds) = measure(|| images.embed(&pixels))?;
        drop(images);
        let encoder = model.text_encoder()?;
        let (text_vectors, text_seconds) = measure(|| encoder.embed(&texts))?;
        let (exact_images, exact_texts) = exact.get_or_insert_with(|| (image_vectors.clone(), text_vectors.clone()));
        precisions.push(Row {
            device: device.to_string(),
            precision: label,
            images_per_second: IMAGES as f64 / image_seconds,
            texts_per_second: TEXTS as f64 / text_seconds,
            image_cosine: smallest_cosine(&image_vectors, exact_images),
            text_cosine: smallest_cosine(&text_vectors, exact_texts),
        });
    }
    let report = Report {
        name: &model.identity().name,
        instructions: instructions(),
        threads: rayon::current_num_threads(),
        peak_gflops: peak_gflops(),
        precisions,
    };
    if json {
        write_document(out, &report)?;
        return Ok(());
    }
    report.write(out)
}

impl Report<'_> {
    fn write(&self, out: &mut dyn Write) -> Result<()> {
        writeln!(
            out,
            "{}: {}, {}, {:.0} GFLOP/s a core at best",
            plain(self.name),
            self.instructions,
            counted(self.threads, "thread"),
            self.peak_gflops
        )?;
        writeln!(out, "device   precision   images/s  cosine      texts/s  cosine")?;
        for row in &self.precisions {
            writeln!(
                out,
                "{:<8} {:<9} {:>10.1}  {:.5} {:>12.0}  {:.5}",
                row.device,
                row.precision,
                row.images_per_second,
                row.image_cosine,
                row.texts_per_second,
                row.text_cosine
            )?;
        }
        Ok(())
    }
}

/// Runs `embed` again and again, and gives its vectors and the shortest time of a run in seconds.
fn measure(embed: impl Fn() -> Result<Embeddings, EncoderError>) -> Result<(Embeddings, f64)> {
    let mut vectors = embed()?;
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    while best == f64::INFINITY || begin.elapsed() < PERIOD {
        let start = Instant::now();
        vectors = embed()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((vectors, best))
}

fn smallest_cosine(vectors: &Embeddings, exact: &Embeddings) -> f32 {
    let pairs = vectors.rows().zip(exact.rows());
    let cosines = pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
    cosines.fold(1.0, f32::min)
}

/// Prompts of labels that everybody has.
fn texts() -> Result<Vec<String>> {
    let labels = LabelSource::Builtin(Builtin::ImageNet1k).read()?;
    let template = PromptTemplate::default();
    Ok(labels
        .iter()
        .take(TEXTS)
        .map(|label| template.render(&label.name))
        .collect())
}

/// Images with light, shade and edges; what they show does not matter to the time.
fn pixels(preprocess: impl Fn(&RgbImage) -> Result<Pixels, EncoderError>) -> Result<Vec<Pixels>> {
    const SIDE: u32 = 256;
    let image = |seed: u32| {
        let bytes = (0..SIDE * SIDE).flat_map(|at| {
            let (x, y) = (at % SIDE, at / SIDE);
            let wave = (x * (seed + 1) / 8) ^ (y * (seed + 3) / 16);
            [wave + x, wave + y, wave.wrapping_mul(3)].map(|value| (value % 256) as u8)
        });
        RgbImage::new(SIDE, SIDE, bytes.collect())
    };
    let images = (0..IMAGES as u32).filter_map(image);
    Ok(images.map(|image| preprocess(&image)).collect::<Result<_, _>>()?)
}
