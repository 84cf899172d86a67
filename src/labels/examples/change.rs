//! What changes among the examples of a bank, all in one commit.

use clipdex_index::{Batch, ItemId, Space};

use super::{ExampleRecord, Hash, example_key};
use crate::labels::LabelError;
use crate::library::Record;

/// Examples that come and go.
pub(in crate::labels) struct ExamplesChange {
    space: Space,
    stale: Vec<ItemId>,
    new: Vec<(Vec<u8>, Vec<f32>, ExampleRecord)>,
}

impl ExamplesChange {
    /// Of the examples in a space; nothing yet.
    pub fn of(space: Space) -> Self {
        Self {
            space,
            stale: Vec::new(),
            new: Vec::new(),
        }
    }

    /// The examples' space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// An example goes.
    pub fn remove(&mut self, item: ItemId) {
        self.stale.push(item);
    }

    /// The picture with this content and vector becomes an example, of the backdrop where the record names no label.
    pub fn put(&mut self, hash: &Hash, vector: Vec<f32>, record: ExampleRecord) {
        self.new.push((example_key(&record.label, hash), vector, record));
    }

    /// Adds all of it to a batch.
    pub fn write(&self, batch: &mut Batch<'_>) -> Result<(), LabelError> {
        for item in &self.stale {
            batch.delete(&self.space, *item)?;
        }
        for (key, vector, record) in &self.new {
            batch.upsert(&self.space, key, vector, &record.encode()?)?;
        }
        Ok(())
    }
}
