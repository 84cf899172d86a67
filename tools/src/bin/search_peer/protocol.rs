//! The protocol of benches/peers/search/README.md: requests as lines of JSON, each answered with one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Where found rows go, in the working directory.
const FOUND: &str = "found.bin";
/// Stands for a result that an engine does not have.
const MISSING: u32 = u32::MAX;

/// An index in the working directory.
pub(crate) trait Engine {
    /// Names and versions.
    fn versions(&self) -> BTreeMap<&'static str, String>;

    /// Makes the index and writes it. Returns the seconds of the building alone, and those of what has no counterpart
    /// in other engines.
    fn build(&mut self, set: &Set, threads: usize) -> Result<Built>;

    /// Opens the index that was written.
    fn open(&mut self, set: &Set) -> Result<()>;

    /// The rows of the `k` vectors nearest to a query, nearest first.
    fn search(&self, query: &[f32], k: usize, setting: &Setting) -> Result<Vec<u32>>;
}

/// How long building took.
#[derive(Default, Serialize)]
pub(crate) struct Built {
    pub(crate) seconds: f64,
    pub(crate) apart: BTreeMap<&'static str, f64>,
}

/// How hard to search.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Setting {
    pub(crate) ef: Option<usize>,
}

/// Vectors in files of little-endian f32, row by row.
pub(crate) struct Set {
    directory: PathBuf,
    pub(crate) dim: usize,
}

#[derive(Deserialize)]
struct SetFile {
    dim: usize,
}

impl Set {
    fn open(directory: PathBuf) -> Result<Self> {
        let about: SetFile = serde_json::from_slice(&read(&directory.join("set.json"))?)?;
        ensure!(about.dim > 0, "vectors of no values");
        Ok(Self {
            directory,
            dim: about.dim,
        })
    }

    /// The vectors to search.
    pub(crate) fn base(&self) -> Result<Vec<f32>> {
        read_vectors(&self.directory.join("base.f32"), self.dim)
    }

    /// Text vectors from which an index may learn; none where the set has none.
    #[allow(dead_code, reason = "not every engine learns from queries")]
    pub(crate) fn training(&self) -> Result<Vec<f32>> {
        let path = self.directory.join("training.f32");
        if path.exists() {
            read_vectors(&path, self.dim)
        } else {
            Ok(Vec::new())
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn read_vectors(path: &Path, dim: usize) -> Result<Vec<f32>> {
    let bytes = read(path)?;
    ensure!(
        bytes.len() % (4 * dim) == 0,
        "{} holds no vectors of {dim} values",
        path.display()
    );
    let (values, _) = bytes.as_chunks();
    Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Request {
    /// Asks for names and versions.
    Info,
    /// Builds the index over a set.
    Build {
        set: PathBuf,
        #[serde(default = "one")]
        threads: usize,
    },
    /// Opens the index, and answers the first of the queries.
    Open {
        set: PathBuf,
        queries: PathBuf,
        k: usize,
        setting: Setting,
    },
    /// Answers the first `count` queries, one after another.
    Search {
        queries: PathBuf,
        count: usize,
        k: usize,
        setting: Setting,
        repeat: usize,
    },
}

fn one() -> usize {
    1
}

#[derive(Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    built: Option<Built>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seconds: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'static str>,
}

/// Answers each line of stdin with a line of stdout.
pub(crate) fn serve(mut engine: impl Engine) -> Result<()> {
    let mut dim = 0;
    for line in io::stdin().lock().lines() {
        let answer = serde_json::from_str(&line?)
            .map_err(anyhow::Error::from)
            .and_then(|request| answer(&mut engine, request, &mut dim))
            .unwrap_or_else(|error| Answer {
                error: Some(format!("{error:#}")),
                ..Answer::default()
            });
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

/// `dim` is of the set that was opened.
fn answer(engine: &mut impl Engine, request: Request, dim: &mut usize) -> Result<Answer> {
    match request {
        Request::Info => Ok(Answer {
            versions: engine.versions(),
            ..Answer::default()
        }),
        Request::Build { set, threads } => Ok(Answer {
            built: Some(engine.build(&Set::open(set)?, threads)?),
            ..Answer::default()
        }),
        Request::Open {
            set,
            queries,
            k,
            setting,
        } => {
            let set = Set::open(set)?;
            let queries = read_vectors(&queries, set.dim)?;
            let first = queries.get(..set.dim).context("no query")?;
            let start = Instant::now();
            engine.open(&set)?;
            engine.search(first, k, &setting)?;
            let seconds = vec![start.elapsed().as_secs_f64()];
            *dim = set.dim;
            Ok(Answer {
                seconds,
                ..Answer::default()
            })
        }
        Request::Search {
            queries,
            count,
            k,
            setting,
            repeat,
        } => {
            ensure!(*dim > 0, "nothing was opened");
            ensure!(repeat > 0, "nothing to repeat");
            let queries = read_vectors(&queries, *dim)?;
            let queries: Vec<&[f32]> = queries.chunks_exact(*dim).take(count).collect();
            search(engine, &queries, k, &setting, repeat)
        }
    }
}

fn search(engine: &impl Engine, queries: &[&[f32]], k: usize, setting: &Setting, repeat: usize) -> Result<Answer> {
    let mut seconds = Vec::with_capacity(repeat);
    let mut found = Vec::new();
    for _ in 0..repeat {
        let start = Instant::now();
        found = queries
            .iter()
            .map(|query| engine.search(query, k, setting))
            .collect::<Result<Vec<_>>>()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let rows = found.iter().flat_map(|rows| {
        let missing = std::iter::repeat_n(&MISSING, k.saturating_sub(rows.len()));
        rows.iter().take(k).chain(missing)
    });
    let bytes: Vec<u8> = rows.flat_map(|row| row.to_le_bytes()).collect();
    fs::write(FOUND, bytes)?;
    Ok(Answer {
        seconds,
        file: Some(FOUND),
        ..Answer::default()
    })
}
