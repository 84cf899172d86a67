//! Writes that wait for a commit, and reading through them.

use std::collections::BTreeMap;

use super::codec::Record;
use super::{Cf, Store};
use crate::error::Result;

/// Writes to be committed together. The last write of a key counts.
#[derive(Default)]
pub(crate) struct Changes {
    /// Prefixes whose entries go before anything is put.
    pub(super) cleared: Vec<(Cf, Vec<u8>)>,
    /// The new value of each key; none deletes it.
    pub(super) entries: BTreeMap<Cf, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl Changes {
    pub(crate) fn put(&mut self, cf: Cf, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.entries.entry(cf).or_default().insert(key.into(), Some(value));
    }

    pub(crate) fn put_record<R: Record>(&mut self, cf: Cf, key: impl Into<Vec<u8>>, record: &R) -> Result<()> {
        self.put(cf, key, record.encode()?);
        Ok(())
    }

    pub(crate) fn delete(&mut self, cf: Cf, key: impl Into<Vec<u8>>) {
        self.entries.entry(cf).or_default().insert(key.into(), None);
    }

    /// Deletes every stored key with the prefix. [`View`] does not see it: for changes that are not read through.
    pub(crate) fn clear(&mut self, cf: Cf, prefix: &[u8]) {
        self.cleared.push((cf, prefix.to_vec()));
    }

    fn get(&self, cf: Cf, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.entries.get(&cf)?.get(key)
    }
}

/// The store as it will be once changes are committed.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) store: &'a Store,
    pub(crate) changes: &'a Changes,
}

impl View<'_> {
    pub(crate) fn get(self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.changes.get(cf, key) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(cf, key),
        }
    }

    pub(crate) fn contains(self, cf: Cf, key: &[u8]) -> Result<bool> {
        Ok(self.get(cf, key)?.is_some())
    }

    pub(crate) fn record<R: Record>(self, cf: Cf, key: &[u8]) -> Result<Option<R>> {
        self.get(cf, key)?.map(|bytes| R::decode(&bytes)).transpose()
    }

    /// All keys with the prefix, in order.
    pub(crate) fn keys(self, cf: Cf, prefix: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut keys = BTreeMap::new();
        let mut scan = self.store.scan(cf, prefix);
        while let Some((key, _)) = scan.advance()? {
            keys.insert(key.to_vec(), true);
        }
        if let Some(entries) = self.changes.entries.get(&cf) {
            let changed = entries
                .range(prefix.to_vec()..)
                .take_while(|(key, _)| key.starts_with(prefix));
            keys.extend(changed.map(|(key, value)| (key.clone(), value.is_some())));
        }
        Ok(keys
            .into_iter()
            .filter_map(|(key, present)| present.then_some(key))
            .collect())
    }
}
