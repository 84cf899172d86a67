//! Putting spaces in the place of others, in one step.

use crate::error::{IndexError, Result};
use crate::reader::Index;
use crate::store::codec::{Counters, SpaceRecord};
use crate::store::{Cf, Changes, keys};
use crate::types::{FileRecord, ItemId, SpaceId};
use crate::writer::{Writer, clear_space};

/// A space, and the one that takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The space that goes.
    pub old: SpaceId,
    /// The space that gets its name and its files.
    pub new: SpaceId,
}

impl Writer {
    /// Puts spaces in the place of others, all of them in one commit: each new space takes the old one's name, and the
    /// files of an old item name the new item with the same key. Files of an item without such a counterpart are
    /// forgotten, and the old spaces are dropped. Readers see the library before or after, never between.
    ///
    /// The commit is held in memory: about 300 bytes a file.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`]; then nothing has changed.
    pub fn replace_spaces(&mut self, replacements: &[Replacement]) -> Result<()> {
        for replacement in replacements {
            self.abandon_job(replacement.old)?;
        }
        let mut changes = Changes::default();
        for replacement in replacements {
            replacement.rename(self.index(), &mut changes)?;
            replacement.move_files(self.index(), &mut changes)?;
            clear_space(&mut changes, replacement.old);
        }
        let touched = replacements.iter().flat_map(|pair| [pair.old, pair.new]);
        self.index().write(&changes, touched)?;
        self.remove_unnamed_segments()
    }
}

impl Replacement {
    fn rename(self, index: &Index, changes: &mut Changes) -> Result<()> {
        let record = |id| -> Result<SpaceRecord> {
            let record = index.store().record(Cf::Spaces, &keys::space(id))?;
            record.ok_or(IndexError::NoSuchSpace { id })
        };
        let renamed = SpaceRecord {
            name: record(self.old)?.name,
            ..record(self.new)?
        };
        changes.put_record(Cf::Spaces, keys::space(self.new), &renamed)?;
        // Readers that have the space open look at its revision to see that it changed.
        let mut counters: Counters = index
            .store()
            .record(Cf::Meta, &keys::counters(self.new))?
            .unwrap_or_default();
        counters.revision += 1;
        changes.put_record(Cf::Meta, keys::counters(self.new), &counters)
    }

    fn move_files(self, index: &Index, changes: &mut Changes) -> Result<()> {
        let mut counterpart: Option<(ItemId, Option<ItemId>)> = None;
        let mut scan = index.store().scan(Cf::ItemFiles, &keys::space(self.old));
        while let Some((key, _)) = scan.advance()? {
            let (_, item, root, rel) = keys::parse_item_file(key)?;
            // The files of an item follow one another.
            let found = match counterpart {
                Some((of, found)) if of == item => found,
                _ => match index.item(self.old, item)? {
                    Some(item) => index.id_of_key(self.new, &item.key)?,
                    None => None,
                },
            };
            counterpart = Some((item, found));
            let file = keys::file(root, rel);
            match (found, index.store().record::<FileRecord>(Cf::Files, &file)?) {
                (Some(found), Some(record)) => {
                    let record = FileRecord {
                        space: self.new,
                        item: found,
                        ..record
                    };
                    changes.put_record(Cf::Files, file, &record)?;
                    changes.put(Cf::ItemFiles, keys::item_file(self.new, found, root, rel), Vec::new());
                }
                _ => changes.delete(Cf::Files, file),
            }
        }
        Ok(())
    }
}
