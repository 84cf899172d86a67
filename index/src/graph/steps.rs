//! How far a build is, and whether it is still wanted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{IndexError, Result};

/// Steps between two calls of the caller's functions; a step takes up to a millisecond.
const INTERVAL: u64 = 64;

/// Counts the rows and queries that are done, on all threads.
pub(super) struct Steps<'a> {
    done: AtomicU64,
    of: u64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        of: u64,
        progress: &'a (dyn Fn(u64, u64) + Sync),
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            done: AtomicU64::new(0),
            of,
            progress,
            cancelled,
        }
    }

    /// Counts one step.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] when the caller has given up.
    pub(super) fn advance(&self) -> Result<()> {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(INTERVAL) || done == self.of {
            self.check()?;
            (self.progress)(done, self.of);
        }
        Ok(())
    }

    /// Between stages that are not counted.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] when the caller has given up.
    pub(super) fn check(&self) -> Result<()> {
        if (self.cancelled)() {
            return Err(IndexError::Cancelled);
        }
        Ok(())
    }
}
