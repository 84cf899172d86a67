use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt::Interrupt;
use super::output::{plain, plain_path};
use crate::ingest::Observer;
use crate::labels::AddProgress;

/// A bar on standard error with rate and time left; nothing where that is no terminal, or where `quiet`.
pub(super) fn bar(unit: &str, quiet: bool) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let template = format!("{{bar:32}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left{{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Shows a run on standard error.
pub(super) struct Watcher {
    bar: ProgressBar,
    quiet: bool,
    interrupt: Interrupt,
}

impl Watcher {
    /// Counts in `unit`.
    pub fn new(unit: &str, quiet: bool, interrupt: &Interrupt) -> Self {
        Self {
            bar: bar(unit, quiet),
            quiet,
            interrupt: interrupt.clone(),
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
    fn planned(&self, files: usize) {
        self.plan(files);
    }

    fn committed(&self, files: usize) {
        self.bar.inc(files as u64);
    }

    fn sealing(&self) {
        self.bar.set_message("; making searches quick");
    }

    fn failed(&self, path: &Path, reason: &str) {
        if !self.quiet {
            self.bar
                .suspend(|| eprintln!("clipdex: skipped '{}': {}", plain_path(path), plain(reason)));
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}

impl AddProgress for Watcher {
    fn planned(&self, prompts: usize) {
        self.plan(prompts);
    }

    fn committed(&self, prompts: usize) {
        self.bar.inc(prompts as u64);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}
