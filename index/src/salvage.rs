//! What can be read of a damaged library.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::Result;
use crate::matrix::decode_unit;
use crate::store::codec::{ItemRecord, Record, RootRecord, SpaceRecord};
use crate::store::{Cf, Store, keys};
use crate::types::{FileRecord, ItemId, Root, RootId, Space, SpaceId};

/// Files, as root and relative path, by the item that they name.
type FilesOfItems = BTreeMap<ItemId, BTreeSet<(RootId, Vec<u8>)>>;

/// A damaged library, opened to save what can be read of it. It changes nothing there.
pub struct Salvage {
    store: Store,
    gaps: Cell<u64>,
}

/// What is left of an item, the vector or the record at least.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SalvagedItem {
    /// The item's id.
    pub id: ItemId,
    /// The caller's name for it and the caller's own data.
    pub record: Option<(Vec<u8>, Vec<u8>)>,
    /// Its vector.
    pub vector: Option<Vec<f32>>,
    /// The files that name it, as root and relative path.
    pub files: Vec<(RootId, Vec<u8>)>,
}

impl Salvage {
    /// Opens the library in `dir`. Where its database cannot be opened as it is, a copy is made among the system's
    /// temporary files and rebuilt, which takes as much space as the database.
    ///
    /// # Errors
    /// When there is nothing that can be opened.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self {
            store: Store::open_damaged(dir)?,
            gaps: Cell::default(),
        })
    }

    /// Places that could not be read so far; each may have held many entries.
    pub fn gaps(&self) -> u64 {
        self.gaps.get()
    }

    /// The spaces. One whose own record is lost, and of whose items something is left, has no name and no dimensions.
    ///
    /// # Errors
    /// When the database fails otherwise than by damage; so for the other methods.
    pub fn spaces(&self) -> Result<Vec<Space>> {
        let mut spaces = BTreeMap::new();
        self.scan(Cf::Spaces, &[], |key, value| {
            let id = SpaceId(keys::parse_u32(key)?);
            spaces.insert(id, SpaceRecord::decode(value)?.into_space(id)?);
            Ok(())
        })?;
        for cf in [Cf::Items, Cf::Vectors] {
            // What cannot be read here is counted when the items are asked for.
            self.store.scan_past_damage(cf, &[], |key, _| {
                if let Ok((id, _)) = keys::parse_item(key) {
                    spaces.entry(id).or_insert_with(|| nameless(id));
                }
                Ok(())
            })?;
        }
        Ok(spaces.into_values().collect())
    }

    /// The roots.
    ///
    /// # Errors
    /// As above.
    pub fn roots(&self) -> Result<Vec<Root>> {
        let mut roots = Vec::new();
        self.scan(Cf::Roots, &[], |key, value| {
            let (id, location) = (RootId(keys::parse_u32(key)?), RootRecord::decode(value)?.location);
            roots.push(Root { id, location });
            Ok(())
        })?;
        Ok(roots)
    }

    /// Calls `each` with what is left of every item of a space, by id.
    ///
    /// # Errors
    /// As above, and those of `each`.
    pub fn items<E: From<crate::IndexError>>(
        &self,
        space: &Space,
        mut each: impl FnMut(SalvagedItem) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut records = BTreeMap::new();
        self.scan(Cf::Items, &keys::space(space.id), |key, value| {
            let (_, id) = keys::parse_item(key)?;
            let ItemRecord { key, payload } = ItemRecord::decode(value)?;
            records.insert(id, (key, payload));
            Ok(())
        })?;
        let mut files = self.files(space.id)?;
        let mut ids: BTreeSet<ItemId> = records.keys().copied().collect();
        self.scan(Cf::Vectors, &keys::space(space.id), |key, _| {
            ids.insert(keys::parse_item(key)?.1);
            Ok(())
        })?;
        for id in ids {
            let item = SalvagedItem {
                id,
                record: records.remove(&id),
                vector: self.vector(space, id),
                files: files.remove(&id).unwrap_or_default().into_iter().collect(),
            };
            if item.record.is_some() || item.vector.is_some() {
                each(item)?;
            }
        }
        Ok(())
    }

    /// The files of each item, from either of the two places that tell them.
    fn files(&self, space: SpaceId) -> Result<FilesOfItems> {
        let mut files = FilesOfItems::new();
        self.scan(Cf::Files, &[], |key, value| {
            let (root, rel) = keys::parse_file(key)?;
            let record = FileRecord::decode(value)?;
            if record.space == space {
                files.entry(record.item).or_default().insert((root, rel.to_vec()));
            }
            Ok(())
        })?;
        self.scan(Cf::ItemFiles, &keys::space(space), |key, _| {
            let (_, item, root, rel) = keys::parse_item_file(key)?;
            files.entry(item).or_default().insert((root, rel.to_vec()));
            Ok(())
        })?;
        Ok(files)
    }

    /// A vector that is whole.
    fn vector(&self, space: &Space, id: ItemId) -> Option<Vec<f32>> {
        let bytes = self.store.get(Cf::Vectors, &keys::item(space.id, id)).ok()??;
        let dim = if space.dim == 0 { bytes.len() / 2 } else { space.dim };
        decode_unit(&space.name, dim, &bytes).ok()
    }

    /// Entries that cannot be decoded count as places that could not be read.
    fn scan(&self, cf: Cf, prefix: &[u8], mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        let mut undecoded = 0;
        let gaps = self.store.scan_past_damage(cf, prefix, |key, value| {
            undecoded += u64::from(each(key, value).is_err());
            Ok(())
        })?;
        self.gaps.set(self.gaps.get() + gaps + undecoded);
        Ok(())
    }
}

fn nameless(id: SpaceId) -> Space {
    Space {
        id,
        name: String::new(),
        dim: 0,
        fingerprint: [0; 32],
        attributes: Vec::new(),
    }
}
