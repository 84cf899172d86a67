use std::num::NonZeroUsize;
use std::thread;

use crate::media::Limits;

/// How to run.
///
/// Memory is bounded by: 128 MiB of files that were read and not decoded yet, or one file of up to 256 MiB;
/// [`Limits::max_alloc_bytes`] for decoding, on all threads together; inputs of the encoder, `12 * side * side` bytes
/// each, of which there are at most `2 * batch_size + jobs`; the encoder with what it computes; about 200 bytes and the
/// length of its path for every file of the directory that is walked; and what the index takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that decode.
    pub jobs: NonZeroUsize,
    /// Photographs that are embedded and committed together, at most: after two seconds fewer are.
    pub batch_size: NonZeroUsize,
    /// What is too large to decode.
    pub limits: Limits,
    /// Whether a directory that shows no photographs any more loses those that the library has of it.
    pub prune: bool,
    /// Whether files that failed before are tried again although they have not changed.
    pub retry_failed: bool,
}

impl Default for Options {
    /// A decoding thread for each core, batches of 32.
    fn default() -> Self {
        Self {
            jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            batch_size: const { NonZeroUsize::new(32).unwrap() },
            limits: Limits::default(),
            prune: false,
            retry_failed: false,
        }
    }
}
