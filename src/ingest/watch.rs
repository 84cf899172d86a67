//! Waits for changes of directories, through what the system tells of them, and by looking again from time to time.
//!
//! The system's word is a hint where to look, never what to do: what is found there decides. So it does no harm that
//! events come late, twice, or not at all, as they do of drives in a network.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::walk::IGNORE_FILE;
use super::{Ingest, IngestError, Observer};
use crate::media;

/// Changes are looked at when nothing has happened for this time, or at the latest so long after the first of them.
const QUIET: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

/// Everything is looked at again after this time, and more often where the system tells nothing.
const RESCAN: Duration = Duration::from_secs(600);
const RESCAN_UNTOLD: Duration = Duration::from_secs(60);

/// Where more directories than this have changed, all are looked at.
const MOST_DIRS: usize = 256;

/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_millis(100);

/// Where something may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// In these directories and below, none of which lies in another.
    Dirs(Vec<PathBuf>),
    /// Anywhere.
    Anywhere,
}

/// Watches directories for changes of photographs.
pub struct Watch {
    places: Arc<Places>,
    pending: Arc<Mutex<Pending>>,
    /// Ends the telling when it is dropped.
    watcher: Option<RecommendedWatcher>,
    /// Whether the system tells of all directories.
    told: bool,
    next_rescan: Instant,
}

/// What is watched.
struct Places {
    dirs: Vec<PathBuf>,
    library: PathBuf,
}

/// What has changed and was not looked at yet.
#[derive(Default)]
struct Pending {
    dirs: BTreeSet<PathBuf>,
    anywhere: bool,
    /// When the first and the last of these changes were told.
    times: Option<(Instant, Instant)>,
}

impl Watch {
    /// Watches `dirs`, which are absolute, and leaves out what happens in `library`.
    pub fn new(dirs: Vec<PathBuf>, library: PathBuf) -> Self {
        let mut watch = Self {
            places: Arc::new(Places { dirs, library }),
            pending: Arc::default(),
            watcher: None,
            told: false,
            next_rescan: Instant::now(),
        };
        watch.begin();
        watch
    }

    /// Whether the system tells of changes in all directories, so that they are seen at once.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// Waits for changes; none when `cancelled` says so.
    pub fn next(&mut self, cancelled: &dyn Fn() -> bool) -> Option<Changes> {
        loop {
            if cancelled() {
                return None;
            }
            let now = Instant::now();
            if now >= self.next_rescan {
                // Directories may have come back since, on another drive by the same name.
                self.begin();
                lock(&self.pending).take();
                return Some(Changes::Anywhere);
            }
            let mut pending = lock(&self.pending);
            if pending.is_due(now) {
                return Some(pending.take());
            }
            drop(pending);
            thread::sleep(TICK);
        }
    }

    /// Asks the system to tell of changes, and sets the time of the next look at everything.
    fn begin(&mut self) {
        self.watcher = None;
        let (places, pending) = (Arc::clone(&self.places), Arc::clone(&self.pending));
        let begun = notify::recommended_watcher(move |told: notify::Result<Event>| {
            let now = Instant::now();
            match told {
                Ok(event) if event.need_rescan() => lock(&pending).add_anywhere(now),
                Ok(event) if tells_of_content(event.kind) => {
                    let dirs = event.paths.iter().filter_map(|path| places.changed_dir(path));
                    dirs.for_each(|dir| lock(&pending).add(dir, now));
                }
                Ok(_) => {}
                Err(_) => lock(&pending).add_anywhere(now),
            }
        });
        self.watcher = begun.ok();
        self.told = self.watcher.as_mut().is_some_and(|watcher| {
            let mut watch = |dir: &PathBuf| watcher.watch(dir, RecursiveMode::Recursive);
            // One that is missing keeps none of the others from being watched.
            self.places.dirs.iter().filter(|dir| watch(dir).is_err()).count() == 0
        });
        let pause = if self.told { RESCAN } else { RESCAN_UNTOLD };
        self.next_rescan = Instant::now() + pause;
    }

    /// Takes in what changed below `dir`. Where that is gone or shows nothing any more, the next directory above it
    /// that shows something says what is gone, up to the watched one: whether that may be empty is for the options to
    /// say.
    ///
    /// # Errors
    /// As of [`Ingest::update`].
    pub fn update(&self, ingest: &mut Ingest<'_>, dir: &Path, observer: &dyn Observer) -> Result<(), IngestError> {
        let mut dir = dir;
        loop {
            let above = dir.parent().filter(|_| !self.places.is_watched(dir));
            match (ingest.update(dir, observer), above) {
                (Err(error), Some(above)) if error.is_of_directory() => dir = above,
                (updated, _) => return updated,
            }
        }
    }
}

/// Whether an event may be one of files that come, change or go. That a file was opened or read is none.
fn tells_of_content(kind: EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode};

    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

impl Places {
    /// The directory to look at because of what happened to a path; none where that is of no interest.
    fn changed_dir(&self, path: &Path) -> Option<PathBuf> {
        let inside = self.dirs.iter().find_map(|dir| path.strip_prefix(dir).ok())?;
        let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        let is_ignore_file = path.file_name().is_some_and(|name| name == IGNORE_FILE);
        let mut within = inside.components();
        if is_ignore_file {
            within.next_back();
        }
        if path.starts_with(&self.library) || within.any(is_hidden) {
            return None;
        }
        if self.is_watched(path) || path.is_dir() {
            return Some(path.to_path_buf());
        }
        // Of what is gone nobody knows whether it was a directory.
        let counts = is_ignore_file || media::is_photo_name(path) || !path.exists();
        path.parent().filter(|_| counts).map(Path::to_path_buf)
    }

    fn is_watched(&self, dir: &Path) -> bool {
        self.dirs.iter().any(|watched| watched == dir)
    }
}

impl Pending {
    fn add(&mut self, dir: PathBuf, now: Instant) {
        self.dirs.insert(dir);
        self.anywhere |= self.dirs.len() > MOST_DIRS;
        self.note(now);
    }

    fn add_anywhere(&mut self, now: Instant) {
        self.anywhere = true;
        self.note(now);
    }

    fn note(&mut self, now: Instant) {
        if self.anywhere {
            self.dirs.clear();
        }
        let first = self.times.map_or(now, |(first, _)| first);
        self.times = Some((first, now));
    }

    /// Whether it is time to look.
    fn is_due(&self, now: Instant) -> bool {
        self.times.is_some_and(|(first, last)| {
            now.saturating_duration_since(last) >= QUIET || now.saturating_duration_since(first) >= LONGEST
        })
    }

    fn take(&mut self) -> Changes {
        let Self { dirs, anywhere, .. } = std::mem::take(self);
        if anywhere {
            return Changes::Anywhere;
        }
        let mut outermost: Vec<PathBuf> = Vec::new();
        for dir in dirs {
            // A directory comes right before all that lies in it.
            if !outermost.last().is_some_and(|last| dir.starts_with(last)) {
                outermost.push(dir);
            }
        }
        Changes::Dirs(outermost)
    }
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
