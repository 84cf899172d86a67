//! Reading a library.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::error::Result;
use crate::rows::Rows;
use crate::search::{self, Plan, SearchParams};
use crate::store::codec::{Counters, ItemRecord, KeyRecord, Record, RootRecord, SpaceRecord, decode_vector_f32};
use crate::store::{Cf, Changes, Store, WriterLock, keys};
use crate::types::{FailureRecord, FileRecord, Hit, Item, ItemId, Root, RootId, Space, SpaceId, VectorSet};
use crate::view::{Shape, SpaceView};

/// An open library, for reading. Cheap to clone; clones share one opening, and all methods may be called from many
/// threads at once.
///
/// An index from [`Index::open`] sees the library as it was then. One from [`Writer::index`](crate::Writer::index) sees
/// every commit of that writer at once.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    dir: PathBuf,
    /// Held for reading while several reads must agree, and for writing while what they read changes. Never held
    /// while work is handed to other threads, which might wait for it in turn.
    gate: RwLock<()>,
    views: Mutex<HashMap<SpaceId, Arc<SpaceView>>>,
    warnings: Mutex<Vec<String>>,
    /// A writer's; let go of after the database is closed.
    _lock: Option<WriterLock>,
}

impl Index {
    /// Opens the library in `dir` for reading. This neither waits for a writer nor keeps one waiting, and writes
    /// nothing in the library's directory, which may be read-only.
    ///
    /// # Errors
    /// [`IndexError::NotFound`](crate::IndexError::NotFound) when the directory holds no library, [`IndexError::UnsupportedFormat`](crate::IndexError::UnsupportedFormat) when a newer
    /// program wrote it.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self::new(Store::open_read_only(dir)?, dir, None))
    }

    pub(crate) fn new(store: Store, dir: &Path, lock: Option<WriterLock>) -> Self {
        let (gate, views, warnings) = (RwLock::default(), Mutex::default(), Mutex::default());
        Self {
            inner: Arc::new(Inner {
                store,
                dir: dir.to_owned(),
                gate,
                views,
                warnings,
                _lock: lock,
            }),
        }
    }

    /// The library's directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// All spaces, by id.
    ///
    /// # Errors
    /// When the database cannot be read; so for every method here that has no other words.
    pub fn spaces(&self) -> Result<Vec<Space>> {
        let scan = self.inner.store.scan(Cf::Spaces, &[]);
        scan.map(|key, value| SpaceRecord::decode(value)?.into_space(SpaceId(keys::parse_u32(key)?)))
            .collect()
    }

    /// The space with a name.
    pub fn space(&self, name: &str) -> Result<Option<Space>> {
        Ok(self.spaces()?.into_iter().find(|space| space.name == name))
    }

    /// Live items of a space, from a counter; 0 where there is no such space.
    pub fn count(&self, space: SpaceId) -> Result<u64> {
        let counters: Option<Counters> = self.inner.store.record(Cf::Meta, &keys::counters(space))?;
        Ok(counters.unwrap_or_default().items)
    }

    /// An item, if it is there.
    pub fn item(&self, space: SpaceId, id: ItemId) -> Result<Option<Item>> {
        let record: Option<ItemRecord> = self.inner.store.record(Cf::Items, &keys::item(space, id))?;
        Ok(record.map(|ItemRecord { key, payload }| Item { id, key, payload }))
    }

    /// The id of the item with a key.
    pub fn id_of_key(&self, space: SpaceId, key: &[u8]) -> Result<Option<ItemId>> {
        let record: Option<KeyRecord> = self.inner.store.record(Cf::Keys, &keys::item_key(space, key))?;
        Ok(record.map(|record| record.id))
    }

    /// The items of a space in id order. A commit or refresh while it is read may show in what is still to come.
    pub fn items(&self, space: SpaceId) -> impl Iterator<Item = Result<Item>> + '_ {
        self.inner.store.scan(Cf::Items, &keys::space(space)).map(|key, value| {
            let (_, id) = keys::parse_item(key)?;
            let ItemRecord { key, payload } = ItemRecord::decode(value)?;
            Ok(Item { id, key, payload })
        })
    }

    /// The vector of an item, as rounded to f16 for storage.
    pub fn vector(&self, space: SpaceId, id: ItemId) -> Result<Option<Vec<f32>>> {
        let Some(bytes) = self.inner.store.get(Cf::Vectors, &keys::item(space, id))? else {
            return Ok(None);
        };
        Ok(Some(decode_vector_f32(&bytes, bytes.len() / 2)?))
    }

    /// All vectors of a space, in id order, as rounded to f16 for storage.
    pub fn vectors(&self, space: SpaceId) -> Result<VectorSet> {
        let view = self.view(space)?;
        let dim = view.shape.space.dim;
        let rows = view.rows();
        let mut data = vec![0.0; rows.len() * dim];
        data.par_chunks_mut(dim)
            .zip(&rows)
            .for_each(|(into, (_, vector))| vector.convert_to_f32_slice(into));
        Ok(VectorSet {
            ids: rows.into_iter().map(|(id, _)| id).collect(),
            data,
            dim,
        })
    }

    /// All vectors of a space, in id order, where they lie in memory.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`](crate::IndexError::NoSuchSpace).
    pub fn rows(&self, space: SpaceId) -> Result<Rows> {
        Ok(Rows::new(self.view(space)?))
    }

    /// All roots, by id.
    pub fn roots(&self) -> Result<Vec<Root>> {
        let scan = self.inner.store.scan(Cf::Roots, &[]);
        scan.map(|key, value| {
            Ok(Root {
                id: RootId(keys::parse_u32(key)?),
                location: RootRecord::decode(value)?.location,
            })
        })
        .collect()
    }

    /// The files of a root, as relative path and record, in the order of the paths' bytes.
    pub fn files(&self, root: RootId) -> impl Iterator<Item = Result<(Vec<u8>, FileRecord)>> + '_ {
        self.inner.store.scan(Cf::Files, &keys::root(root)).map(|key, value| {
            let (_, rel) = keys::parse_file(key)?;
            Ok((rel.to_vec(), FileRecord::decode(value)?))
        })
    }

    /// The record of a file, if it is catalogued.
    pub fn file(&self, root: RootId, rel: &[u8]) -> Result<Option<FileRecord>> {
        self.inner.store.record(Cf::Files, &keys::file(root, rel))
    }

    /// The files that name an item.
    pub fn files_of(&self, space: SpaceId, item: ItemId) -> Result<Vec<(RootId, Vec<u8>)>> {
        let scan = self.inner.store.scan(Cf::ItemFiles, &keys::item(space, item));
        scan.map(|key, _| {
            let (_, _, root, rel) = keys::parse_item_file(key)?;
            Ok((root, rel.to_vec()))
        })
        .collect()
    }

    /// The files of all roots that could not be read, as root, relative path and record.
    pub fn failures(&self) -> impl Iterator<Item = Result<(RootId, Vec<u8>, FailureRecord)>> + '_ {
        self.inner.store.scan(Cf::Failures, &[]).map(|key, value| {
            let (root, rel) = keys::parse_file(key)?;
            Ok((root, rel.to_vec(), FailureRecord::decode(value)?))
        })
    }

    /// The failure record of a file.
    pub fn failure(&self, root: RootId, rel: &[u8]) -> Result<Option<FailureRecord>> {
        self.inner.store.record(Cf::Failures, &keys::file(root, rel))
    }

    /// The items most similar to a unit vector: descending score, equal scores by ascending id. In exact mode (and
    /// whenever [`Index::plan`] says so) these are the true nearest.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`](crate::IndexError::NoSuchSpace), [`IndexError::DimensionMismatch`](crate::IndexError::DimensionMismatch), [`IndexError::InvalidVector`](crate::IndexError::InvalidVector) (within 1% of
    /// unit length is accepted).
    pub fn search(&self, space: SpaceId, query: &[f32], params: &SearchParams<'_>) -> Result<Vec<Hit>> {
        search::search(&*self.view(space)?, query, params)
    }

    /// [`Index::search`] for each of several queries, on all cores. Exact scans then take a fraction of the time.
    ///
    /// # Errors
    /// As of [`Index::search`], for any of the queries.
    pub fn search_many<Q: AsRef<[f32]> + Sync>(
        &self,
        space: SpaceId,
        queries: &[Q],
        params: &SearchParams<'_>,
    ) -> Result<Vec<Vec<Hit>>> {
        search::search_many(&*self.view(space)?, queries, params)
    }

    /// What [`Index::search`] would do, and why.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`](crate::IndexError::NoSuchSpace).
    pub fn plan(&self, space: SpaceId, params: &SearchParams<'_>) -> Result<Plan> {
        Ok(search::plan(&self.shape(space)?, params))
    }

    /// What went wrong without changing any answer, such as a damaged segment file: for people, each once.
    pub fn warnings(&self) -> Vec<String> {
        lock(&self.inner.warnings).clone()
    }

    /// Notes what changes no answer.
    pub(crate) fn warn(&self, warning: &str) {
        let mut warnings = lock(&self.inner.warnings);
        if !warnings.iter().any(|known| known == warning) {
            warnings.push(warning.to_owned());
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn shape(&self, space: SpaceId) -> Result<Shape> {
        let _gate = self.inner.gate.read().unwrap_or_else(PoisonError::into_inner);
        Shape::load(&self.inner.store, &self.inner.dir, space)
    }

    /// The space as a search sees it; loaded at the first use after a change.
    fn view(&self, space: SpaceId) -> Result<Arc<SpaceView>> {
        if let Some(view) = lock(&self.inner.views).get(&space) {
            return Ok(Arc::clone(view));
        }
        let _gate = self.inner.gate.read().unwrap_or_else(PoisonError::into_inner);
        let view = Arc::new(SpaceView::load(&self.inner.store, &self.inner.dir, space)?);
        view.shape.problems().for_each(|problem| self.warn(problem));
        lock(&self.inner.views).insert(space, Arc::clone(&view));
        Ok(view)
    }

    /// Commits changes, and forgets what was loaded of the spaces that they touch.
    pub(crate) fn write(&self, changes: &Changes, touched: impl IntoIterator<Item = SpaceId>) -> Result<()> {
        let _gate = self.inner.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.inner.store.write(changes)?;
        let mut views = lock(&self.inner.views);
        for space in touched {
            views.remove(&space);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("dir", &self.inner.dir)
            .finish_non_exhaustive()
    }
}

/// What the mutexes guard is whole between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
