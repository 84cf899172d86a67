use std::io::{self, IsTerminal, Write};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};

/// Whether the user asked to stop. The first Ctrl-C (or SIGTERM, or SIGHUP) asks, the second ends the process.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over the signals of the process; at most once. The first is answered on standard error, unless `quiet`.
    pub fn install(quiet: bool) -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&asked);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                process::exit(130);
            }
            if !quiet {
                answer();
            }
        })
        .map_err(|error| anyhow!("cannot take over Ctrl-C: {error}"))?;
        Ok(Self(asked))
    }

    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn answer() {
    let mut stderr = io::stderr().lock();
    // In place of a progress bar, which is drawn anew below.
    let start = if stderr.is_terminal() { "\r\x1b[K" } else { "" };
    // Whether somebody reads it is no concern of the work.
    let _ = writeln!(
        stderr,
        "{start}clipdex: stopping after what is in hand; a second Ctrl-C ends at once"
    );
}
