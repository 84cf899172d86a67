//! What is printed: a line a figure, and at the end of a phase what the process and the library took up.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Time between two looks at the memory of the process.
const PAUSE: Duration = Duration::from_millis(20);

/// Figures of a phase.
pub(crate) struct Table {
    phase: String,
    start: Instant,
    peaks: Arc<Peaks>,
}

/// The most memory that was seen so far, in kB.
#[derive(Default)]
struct Peaks {
    anonymous: AtomicU64,
    mapped: AtomicU64,
    over: AtomicBool,
}

impl Table {
    /// Begins a phase: its time runs, and its memory is watched.
    pub(crate) fn begin(phase: &str) -> Self {
        let peaks = Arc::new(Peaks::default());
        let watched = Arc::clone(&peaks);
        thread::spawn(move || {
            while !watched.over.load(Ordering::Relaxed) {
                // A look that fails is missing; the end of the phase reports why.
                if let Ok(memory) = Memory::now() {
                    watched.anonymous.fetch_max(memory.anonymous, Ordering::Relaxed);
                    watched.mapped.fetch_max(memory.mapped, Ordering::Relaxed);
                }
                thread::sleep(PAUSE);
            }
        });
        Self {
            phase: phase.to_owned(),
            start: Instant::now(),
            peaks,
        }
    }

    pub(crate) fn row(&self, figure: &str, value: impl Display) {
        println!("{:<18} {figure:<46} {value}", self.phase);
    }

    pub(crate) fn seconds(&self, figure: &str, since: Instant) {
        self.row(figure, format_args!("{:.1} s", since.elapsed().as_secs_f64()));
    }

    /// Ends the phase, whose library lies in a directory.
    pub(crate) fn end(&self, library: &Path) -> Result<()> {
        self.seconds("wall time of the phase", self.start);
        let now = Memory::now()?;
        self.peaks.over.store(true, Ordering::Relaxed);
        let kilobytes = |value: u64| format!("{:.1} MB", value as f64 * 1024.0 / 1e6);
        let peak = |seen: &AtomicU64, now: u64| kilobytes(seen.load(Ordering::Relaxed).max(now));
        self.row("memory, at its peak", kilobytes(now.peak));
        self.row(
            "memory, anonymous, at its peak",
            peak(&self.peaks.anonymous, now.anonymous),
        );
        self.row(
            "memory, mapped from files, at its peak",
            peak(&self.peaks.mapped, now.mapped),
        );
        self.row("memory, anonymous, at the end", kilobytes(now.anonymous));
        self.row("memory, mapped from files, at the end", kilobytes(now.mapped));
        for part in ["db", "segments"] {
            let bytes = directory_bytes(&library.join(part))?;
            self.row(&format!("disk, {part}"), format_args!("{:.1} MB", bytes as f64 / 1e6));
        }
        Ok(())
    }
}

/// What /proc/self/status says of the process, in kB.
struct Memory {
    /// Resident, the most so far.
    peak: u64,
    anonymous: u64,
    mapped: u64,
}

impl Memory {
    fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status").context("/proc/self/status, which Linux has")?;
        let field = |name: &str| -> Result<u64> {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = value.and_then(|value| value.trim_start_matches(':').trim().strip_suffix(" kB"));
            let kilobytes = kilobytes.with_context(|| format!("no {name} in /proc/self/status"))?;
            kilobytes.parse().with_context(|| name.to_owned())
        };
        Ok(Self {
            peak: field("VmHWM")?,
            anonymous: field("RssAnon")?,
            mapped: field("RssFile")?,
        })
    }
}

/// Bytes of the files in a directory, 0 where there is none.
fn directory_bytes(path: &Path) -> Result<u64> {
    if !path.exists() {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
