//! Measures what decoding JPEGs to a fraction of their size saves, and what it costs: time against decoding the whole, and
//! the cosine between the vectors of both.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use clipdex::encoder::{ImageEncoder, Model};
use clipdex::media::{self, Limits, Photo, is_photo_name};

/// Time and cosine of reduced decoding against decoding the whole, on photographs of yours
#[derive(Parser)]
struct Args {
    /// Directory of photographs
    dir: PathBuf,
    /// Model to measure
    #[arg(long, default_value = "starter")]
    model: String,
    /// How often each photograph is decoded; the fastest time counts
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// One line for each photograph
    #[arg(long)]
    each: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let encoder = Model::open(&args.model)?.image_encoder()?;
    let enough = encoder.enough_pixels();
    let (mut cosines, mut whole_time, mut reduced_time) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    let entries = fs::read_dir(&args.dir).with_context(|| format!("cannot read '{}'", args.dir.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    for file in files.iter().filter(|file| is_photo_name(file)) {
        let bytes = fs::read(file)?;
        let (whole, whole_took) = fastest(args.repeat, || media::decode(&bytes, &Limits::default()))?;
        let (reduced, reduced_took) = fastest(args.repeat, || {
            media::decode_reduced(&bytes, &Limits::default(), enough)
        })?;
        let cosine = dot(&vector(encoder.as_ref(), &whole)?, &vector(encoder.as_ref(), &reduced)?);
        if args.each {
            println!(
                "{} {} x {} to {} x {}: {:.1} ms, {:.1} ms, cosine {cosine:.6}",
                file.display(),
                whole.image.width(),
                whole.image.height(),
                reduced.image.width(),
                reduced.image.height(),
                milliseconds(whole_took),
                milliseconds(reduced_took),
            );
        }
        cosines.push(cosine);
        whole_time += whole_took;
        reduced_time += reduced_took;
    }
    if cosines.is_empty() {
        bail!("'{}' holds no photographs", args.dir.display());
    }
    let count = cosines.len() as f64;
    println!("{} photographs, {enough} pixels of the shorter side", cosines.len());
    println!(
        "decoding: whole {:.1} ms, reduced {:.1} ms a photograph",
        milliseconds(whole_time) / count,
        milliseconds(reduced_time) / count
    );
    println!(
        "cosine: mean {:.6}, least {:.6}",
        cosines.iter().sum::<f64>() / count,
        cosines.iter().copied().fold(1.0, f64::min)
    );
    Ok(())
}

/// A photograph, and the shortest time that decoding it took.
fn fastest(repeat: usize, decode: impl Fn() -> Result<Photo, media::MediaError>) -> Result<(Photo, Duration)> {
    let timed = || {
        let start = Instant::now();
        decode().map(|photo| (photo, start.elapsed()))
    };
    let (photo, mut best) = timed()?;
    for _ in 1..repeat {
        best = best.min(timed()?.1);
    }
    Ok((photo, best))
}

fn vector(encoder: &dyn ImageEncoder, photo: &Photo) -> Result<Vec<f32>> {
    let pixels = encoder.preprocess(&photo.image)?;
    Ok(encoder.embed(&[&pixels])?.as_slice().to_vec())
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
