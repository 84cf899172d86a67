//! Embeds for benches/peers: reads requests as lines of JSON, and answers each with one. benches/peers/encode/README.md
//! defines the protocol. Times are of the embedding alone, without reading files or cutting texts into tokens.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use clipdex::encoder::{
    Embeddings, EncoderError, Family, ImageEncoder, Model, Pixels, Precision, TextEncoder, peak_gflops,
};
use serde::{Deserialize, Serialize};

/// Where vectors go, in the working directory.
const OUTPUT: &str = "vectors.bin";

#[derive(Parser)]
struct Args {
    /// Directory of the model
    model: PathBuf,
    /// What to compute in
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionName,
}

#[derive(Clone, Copy, ValueEnum)]
enum PrecisionName {
    F32,
    Bf16,
    Int8,
}

#[derive(Deserialize)]
struct Request {
    #[serde(flatten)]
    task: Task,
    #[serde(default = "one")]
    threads: usize,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Task {
    /// Asks for names and versions.
    Info,
    /// Little-endian f32 pixel values `[images, 3, side, side]` in a file.
    Images {
        file: PathBuf,
        shape: [usize; 4],
        repeat: usize,
    },
    /// Token ids of texts.
    Texts { ids: Vec<Vec<u32>>, repeat: usize },
    /// Measures the peak of one core in f32.
    Peak,
}

#[derive(Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<BTreeMap<&'static str, &'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seconds: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<[usize; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gflops: Option<f64>,
}

struct Engine {
    model: Model,
    images: Option<Box<dyn ImageEncoder>>,
    texts: Option<Box<dyn TextEncoder>>,
    pool: rayon::ThreadPool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let name = args.model.to_str().context("the model's path must be Unicode")?;
    let precision = match args.precision {
        PrecisionName::F32 => Precision::F32,
        PrecisionName::Bf16 => Precision::Bf16,
        PrecisionName::Int8 => Precision::Int8,
    };
    let mut engine = Engine {
        model: Model::open(name)?.with_precision(precision),
        images: None,
        texts: None,
        pool: threads(1)?,
    };
    for line in io::stdin().lock().lines() {
        let answer = engine
            .answer(serde_json::from_str(&line?)?)
            .unwrap_or_else(|error| Answer {
                error: Some(error.to_string()),
                ..Answer::default()
            });
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

fn threads(count: usize) -> Result<rayon::ThreadPool> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(count).build()?)
}

impl Engine {
    fn answer(&mut self, request: Request) -> Result<Answer> {
        if request.threads != self.pool.current_num_threads() {
            self.pool = threads(request.threads)?;
        }
        match request.task {
            Task::Info => Ok(Answer {
                versions: Some(BTreeMap::from([(
                    "clipdex",
                    concat!(env!("CARGO_PKG_VERSION"), " (Apache-2.0)"),
                )])),
                ..Answer::default()
            }),
            Task::Peak => Ok(Answer {
                gflops: Some(peak_gflops()),
                ..Answer::default()
            }),
            Task::Images { file, shape, repeat } => {
                let pixels = read_pixels(&file, shape)?;
                let batch: Vec<&Pixels> = pixels.iter().collect();
                let encoder = match self.images.take() {
                    Some(encoder) => encoder,
                    None => self.model.image_encoder()?,
                };
                let answer = self.time(repeat, || encoder.embed(&batch));
                self.images = Some(encoder);
                answer
            }
            Task::Texts { mut ids, repeat } => {
                if self.model.identity().family == Family::Clip {
                    ids.iter_mut().for_each(cut_after_end);
                }
                let encoder = match self.texts.take() {
                    Some(encoder) => encoder,
                    None => self.model.text_encoder()?,
                };
                let answer = self.time(repeat, || encoder.embed_tokens(&ids));
                self.texts = Some(encoder);
                answer
            }
        }
    }

    fn time(&self, repeat: usize, embed: impl Fn() -> Result<Embeddings, EncoderError> + Sync) -> Result<Answer> {
        ensure!(repeat > 0, "nothing to repeat");
        self.pool.install(|| {
            let mut seconds = Vec::with_capacity(repeat);
            let mut last = None;
            for _ in 0..repeat {
                let start = Instant::now();
                let embeddings = embed()?;
                seconds.push(start.elapsed().as_secs_f64());
                last = Some(embeddings);
            }
            let embeddings = last.context("nothing was embedded")?;
            let bytes: Vec<u8> = embeddings
                .as_slice()
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            fs::write(OUTPUT, bytes)?;
            Ok(Answer {
                seconds,
                file: Some(OUTPUT),
                shape: Some([embeddings.len(), embeddings.dim()]),
                ..Answer::default()
            })
        })
    }
}

/// Leaves out the padding of a CLIP text, as `TextEncoder::tokenize` does.
fn cut_after_end(ids: &mut Vec<u32>) {
    let end = ids.iter().max().and_then(|end| ids.iter().position(|id| id == end));
    ids.truncate(end.map_or(0, |end| end + 1));
}

fn read_pixels(file: &PathBuf, [images, channels, height, width]: [usize; 4]) -> Result<Vec<Pixels>> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    if channels != 3 || height != width || bytes.len() != images * 3 * width * width * 4 {
        bail!(
            "{} does not hold {images} square images of {width} pixels",
            file.display()
        );
    }
    let values: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let images = values.chunks_exact(3 * width * width);
    Ok(images
        .map(|data| Pixels {
            size: width,
            data: data.to_vec(),
        })
        .collect())
}
