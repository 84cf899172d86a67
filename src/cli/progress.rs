use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clipdex_index::SealObserver;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt::Interrupt;
use super::output::{plain, plain_path};
use crate::hub;
use crate::ingest::Observer;
use crate::labels::WorkProgress;

/// A bar on standard error with rate and time left; nothing where that is no terminal, or where `quiet`.
fn bar(unit: &str, quiet: bool) -> ProgressBar {
    let template = format!("{{bar:32}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left{{msg}}");
    let bar = hidden(&template);
    show(&bar, quiet);
    bar
}

fn hidden(template: &str) -> ProgressBar {
    let bar = ProgressBar::hidden();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, quiet: bool) {
    if !quiet {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar.enable_steady_tick(Duration::from_millis(200));
}

/// Shows a run on standard error.
pub(super) struct Watcher {
    bar: ProgressBar,
    quiet: bool,
    interrupt: Interrupt,
    failed: AtomicU64,
}

impl Watcher {
    /// Counts in `unit`.
    pub fn new(unit: &str, quiet: bool, interrupt: &Interrupt) -> Self {
        Self {
            bar: bar(unit, quiet),
            quiet,
            interrupt: interrupt.clone(),
            failed: AtomicU64::new(0),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn plan(&self, count: usize) {
        self.bar.set_length(count as u64);
        self.bar.reset();
    }
}

impl Observer for Watcher {
    fn found(&self, files: usize) {
        self.bar.set_length(files as u64);
    }

    fn planned(&self, files: usize) {
        self.plan(files);
    }

    fn committed(&self, files: usize) {
        self.bar.inc(files as u64);
    }

    fn sealing(&self) {
        self.bar.set_message("; making searches quick");
    }

    fn sealed(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    fn failed(&self, path: &Path, reason: &str) {
        let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        self.bar.set_message(format!("; {failed} failed"));
        if !self.quiet {
            self.bar
                .suspend(|| eprintln!("clipdex: skipped '{}': {}", plain_path(path), plain(reason)));
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}

impl SealObserver for Watcher {
    fn progressed(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}

impl WorkProgress for Watcher {
    fn planned(&self, count: usize) {
        self.plan(count);
    }

    fn committed(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}

/// Shows the files that come from the hub, one after another; nothing where none has to come.
pub(super) struct DownloadBar {
    bar: ProgressBar,
    quiet: bool,
    interrupt: Option<Interrupt>,
}

impl DownloadBar {
    /// Where `interrupt` is given, it stops the download; else Ctrl-C ends the process. Both keep what is here.
    pub fn new(quiet: bool, interrupt: Option<Interrupt>) -> Self {
        let template = "{bar:32} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left, {msg}";
        Self {
            bar: hidden(template),
            quiet,
            interrupt,
        }
    }
}

impl Drop for DownloadBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl hub::Observer for DownloadBar {
    fn started(&self, file: &str, bytes: u64) {
        self.bar.set_message(file.to_owned());
        self.bar.set_length(bytes);
        self.bar.reset();
        show(&self.bar, self.quiet);
    }

    fn progressed(&self, bytes: u64) {
        let first = self.bar.position() == 0;
        self.bar.set_position(bytes);
        if first {
            // What an earlier download left says nothing of the rate.
            self.bar.reset_eta();
        }
    }

    fn finished(&self) {
        self.bar.set_position(self.bar.length().unwrap_or_default());
    }

    fn cancelled(&self) -> bool {
        self.interrupt.as_ref().is_some_and(Interrupt::asked)
    }
}
