//! Reading a range of keys in order.

use rocksdb::{DB, DBRawIteratorWithThreadMode};

use super::database_error;
use crate::error::Result;

/// The entries of a column family that start with a prefix, in key order.
pub(crate) struct Scan<'a> {
    raw: DBRawIteratorWithThreadMode<'a, DB>,
    started: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(raw: DBRawIteratorWithThreadMode<'a, DB>) -> Self {
        Self { raw, started: false }
    }

    /// The next key and value, borrowed until the next call. After the end or an error there is nothing more.
    pub(crate) fn advance(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if !self.started {
            self.started = true;
            self.raw.seek_to_first();
        } else if self.raw.valid() {
            self.raw.next();
        }
        if !self.raw.valid() {
            self.raw.status().map_err(database_error("read"))?;
        }
        Ok(self.raw.item())
    }

    /// An iterator of what `parse` makes of each entry; it ends after the first error.
    pub(crate) fn map<T>(
        mut self,
        mut parse: impl FnMut(&[u8], &[u8]) -> Result<T>,
    ) -> impl Iterator<Item = Result<T>> {
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let next = self
                .advance()
                .and_then(|entry| entry.map(|(key, value)| parse(key, value)).transpose());
            failed = next.is_err();
            next.transpose()
        })
    }
}
