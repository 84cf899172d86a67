//! RocksDB, the truth of a library. Nothing else in the crate imports it.
//!
//! # On disk
//! The database lies in `db/` under the library directory. Numbers in keys are big-endian; values are a record
//! version byte and [postcard](https://postcard.jamesmunns.com/wire-format) except where another form is named.
//!
//! | column family | key | value |
//! | --- | --- | --- |
//! | `meta` | `format` | format version, u32 big-endian |
//! | `meta` | `next_ids` | the next free space and root id |
//! | `meta` | `counters`, space u32 | next item id, live items, unsealed items, revision |
//! | `spaces` | space u32 | name, dimensions, encoder fingerprint, attributes |
//! | `items` | space u32, item u64 | key, payload |
//! | `keys` | space u32, key bytes | item id |
//! | `vectors` | space u32, item u64 | f16 little-endian values, no version byte |
//! | `roots` | root u32 | location bytes |
//! | `files` | root u32, relative path bytes | space, item, size, modification time, content hash |
//! | `item_files` | space u32, item u64, root u32, relative path bytes | empty: the reverse of `files` |
//! | `failures` | root u32, relative path bytes | reason, size, modification time, when, whether it may pass |
//! | `segments` | space u32, `s`, file name | segment file name, checksum, items, whether it has a graph, least and greatest id, recall |
//! | `segments` | space u32, `t`, file name | version byte, portable roaring bitmap of the items that are gone or replaced since |
//! | `unsealed` | space u32, item u64 | empty: the item's present vector is in no segment |
//!
//! Every live item of a space is either in `unsealed`, or in exactly one of the space's segments and not among its
//! tombstones; tombstones may name items that the segment never had. Ids are never used twice. Each commit is one write
//! batch, synced. Format 1 had one segment a space, and no file name in the keys of `segments`: see `migrate.rs`.

mod changes;
pub(crate) mod codec;
pub(crate) mod keys;
mod lock;
mod migrate;
mod options;
mod salvage;
mod scan;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rocksdb::{
    BottommostLevelCompaction, CompactOptions, DB, DBRecoveryMode, Options, PrefixRange, ReadOptions, WriteBatch,
};
use tempfile::TempDir;

pub(crate) use changes::{Changes, View};
pub(crate) use lock::WriterLock;
pub(crate) use scan::Scan;

use crate::error::{IndexError, Result};
use codec::{FORMAT_VERSION, OLDEST_FORMAT, Record};

/// The database's directory under the library.
const DATABASE: &str = "db";
/// The file that every RocksDB database has, with the name of its manifest: the list of all other files.
const CURRENT: &str = "CURRENT";
/// How often a reader tries while the writer switches files under it, and how long it waits between.
const ATTEMPTS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// The column families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cf {
    Meta,
    Spaces,
    Items,
    Keys,
    Vectors,
    Files,
    ItemFiles,
    Failures,
    Roots,
    Segments,
    Unsealed,
}

impl Cf {
    pub(crate) const ALL: [Self; 11] = [
        Self::Meta,
        Self::Spaces,
        Self::Items,
        Self::Keys,
        Self::Vectors,
        Self::Files,
        Self::ItemFiles,
        Self::Failures,
        Self::Roots,
        Self::Segments,
        Self::Unsealed,
    ];

    /// Those whose keys begin with the space that an entry belongs to; `spaces` itself is not among them.
    pub(crate) const OF_A_SPACE: [Self; 6] = [
        Self::Items,
        Self::Keys,
        Self::Vectors,
        Self::ItemFiles,
        Self::Segments,
        Self::Unsealed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Spaces => "spaces",
            Self::Items => "items",
            Self::Keys => "keys",
            Self::Vectors => "vectors",
            Self::Files => "files",
            Self::ItemFiles => "item_files",
            Self::Failures => "failures",
            Self::Roots => "roots",
            Self::Segments => "segments",
            Self::Unsealed => "unsealed",
        }
    }
}

/// An open database.
pub(crate) struct Store {
    db: DB,
    /// The copy that is read, where there is one; removed after the database is closed.
    _copy: Option<TempDir>,
}

impl Store {
    /// Opens the database for writing, and creates it where it is missing. The caller holds the writer's lock.
    pub(crate) fn open_primary(dir: &Path) -> Result<Self> {
        Self::open_for_writing(dir, options::database())
    }

    /// As [`Store::open_primary`], but gives up what the log has behind a damaged place.
    pub(crate) fn open_giving_up_log(dir: &Path) -> Result<Self> {
        let mut options = options::database();
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        Self::open_for_writing(dir, options)
    }

    fn open_for_writing(dir: &Path, mut options: Options) -> Result<Self> {
        let path = dir.join(DATABASE);
        let exists = holds_database(&path)?;
        options.create_if_missing(!exists);
        let mut families = options::column_families();
        if exists {
            // A newer format may have column families of its own; open them too, so that its version can be read.
            for name in list_families(&path)? {
                if !families.iter().any(|family| family.name() == name) {
                    families.push(rocksdb::ColumnFamilyDescriptor::new(name, Options::default()));
                }
            }
        }
        let db = DB::open_cf_descriptors(&options, &path, families).map_err(database_error("open"))?;
        let store = Self { db, _copy: None };
        if store.check_format()? != Some(FORMAT_VERSION) {
            let mut changes = Changes::default();
            migrate::name_segments(&store, &mut changes)?;
            changes.put(Cf::Meta, keys::FORMAT, codec::encode_format(FORMAT_VERSION).to_vec());
            store.write(&changes)?;
        }
        Ok(store)
    }

    /// Opens the database as it is now, for reading; this takes no lock and writes nothing. Whatever the writer does
    /// afterwards is not seen, for every file that is read is open by then.
    ///
    /// RocksDB has instances that follow a writer ("secondary"), but where a table file cannot be opened they show the
    /// column family as it was before that file, or empty, and report nothing.
    pub(crate) fn open_read_only(dir: &Path) -> Result<Self> {
        let not_found = || IndexError::NotFound {
            path: dir.to_owned(),
            missing: DATABASE,
        };
        let path = dir.join(DATABASE);
        if !holds_database(&path)? {
            return Err(not_found());
        }
        retry(|| {
            let before = manifest(&path);
            let (options, families) = (options::reader(), options::column_families());
            let db = DB::open_cf_descriptors_read_only(&options, &path, families, false)
                .map_err(|error| missing_family(&path).unwrap_or_else(|| database_error("open")(error)))?;
            if manifest(&path) != before {
                // A log may have been deleted, its entries being in a table that the manifest did not name yet.
                let detail = "its writer went on changing its files meanwhile".to_owned();
                return Err(IndexError::Database { action: "open", detail });
            }
            let store = Self { db, _copy: None };
            store.check_format()?.map(|_| store).ok_or_else(not_found)
        })
    }

    /// The format, which is one that this program reads; none when the database is new and empty.
    fn check_format(&self) -> Result<Option<u32>> {
        if let Some(bytes) = self.get(Cf::Meta, keys::FORMAT)? {
            return match codec::decode_format(&bytes)? {
                known @ OLDEST_FORMAT..=FORMAT_VERSION => Ok(Some(known)),
                found => Err(IndexError::UnsupportedFormat {
                    found,
                    supported: FORMAT_VERSION,
                }),
            };
        }
        for cf in Cf::ALL {
            if self.scan(cf, &[]).advance()?.is_some() {
                let detail = format_args!("no format version, yet `{}` holds data", cf.name());
                return Err(IndexError::corrupt("format", detail));
            }
        }
        Ok(None)
    }

    pub(crate) fn get(&self, cf: Cf, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db.get_cf(self.family(cf)?, key).map_err(database_error("read"))
    }

    pub(crate) fn record<R: Record>(&self, cf: Cf, key: &[u8]) -> Result<Option<R>> {
        let bytes = self
            .db
            .get_pinned_cf(self.family(cf)?, key)
            .map_err(database_error("read"))?;
        bytes.map(|bytes| R::decode(&bytes)).transpose()
    }

    /// Calls `each` with the value of every key; the keys ascend.
    pub(crate) fn get_many(
        &self,
        cf: Cf,
        keys: &[[u8; 12]],
        mut each: impl FnMut(&[u8; 12], Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        const AT_ONCE: usize = 256;
        for keys in keys.chunks(AT_ONCE) {
            let values = self.db.batched_multi_get_cf(self.family(cf)?, keys.iter(), true);
            for (key, value) in keys.iter().zip(values) {
                each(key, value.map_err(database_error("read"))?.as_deref())?;
            }
        }
        Ok(())
    }

    /// The entries whose keys start with `prefix`, in key order.
    pub(crate) fn scan(&self, cf: Cf, prefix: &[u8]) -> Scan<'_> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(PrefixRange(prefix));
        // A scan would push the records in use out of the cache.
        options.fill_cache(false);
        match self.family(cf) {
            Ok(family) => Scan::new(self.db.raw_iterator_cf_opt(family, options)),
            // Unreachable: every column family was opened. The default one is empty.
            Err(_) => Scan::new(self.db.raw_iterator_opt(options)),
        }
    }

    /// Commits all changes or none, synced to the disk.
    pub(crate) fn write(&self, changes: &Changes) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (cf, prefix) in &changes.cleared {
            let end = keys::after_prefix(prefix).ok_or_else(|| IndexError::corrupt("key", "a prefix without end"))?;
            batch.delete_range_cf(self.family(*cf)?, prefix, &end);
        }
        for (cf, entries) in &changes.entries {
            let family = self.family(*cf)?;
            for (key, value) in entries {
                match value {
                    Some(value) => batch.put_cf(family, key, value),
                    None => batch.delete_cf(family, key),
                }
            }
        }
        self.db
            .write_opt(batch, &options::synced())
            .map_err(database_error("commit"))
    }

    /// Writes memory to files, so that the next opening has no log to replay.
    pub(crate) fn flush(&self) -> Result<()> {
        let families = Cf::ALL.iter().map(|cf| self.family(*cf)).collect::<Result<Vec<_>>>()?;
        self.db
            .flush_cfs_opt(&families, &rocksdb::FlushOptions::default())
            .map_err(database_error("flush"))
    }

    /// Merges the tables of column families that have several small ones. Each costs a reader some 0.15 ms of its opening;
    /// RocksDB itself leaves those alone whose keys ascend from one to the next, as they do here.
    pub(crate) fn merge_small_tables(&self) -> Result<()> {
        const SEVERAL: usize = 3;
        const SMALL: usize = 32 << 20;
        let files = self.db.live_files().map_err(database_error("list its files"))?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for cf in Cf::ALL {
            let of_family = files.iter().filter(|file| file.column_family_name == cf.name());
            let (tables, size) = of_family.fold((0, 0), |(tables, size), file| (tables + 1, size + file.size));
            if tables >= SEVERAL && size <= SMALL {
                let everything = None::<&[u8]>;
                self.db
                    .compact_range_cf_opt(self.family(cf)?, everything, everything, &options);
            }
        }
        Ok(())
    }

    fn family(&self, cf: Cf) -> Result<&rocksdb::ColumnFamily> {
        self.db
            .cf_handle(cf.name())
            .ok_or_else(|| IndexError::corrupt("database", format_args!("no `{}`", cf.name())))
    }
}

/// Whether there is a database in the directory `path`.
///
/// # Errors
/// [`IndexError::Corrupt`] where there are tables or logs of one, and not the file that names them: a new database in
/// that place would delete them.
fn holds_database(path: &Path) -> Result<bool> {
    if path.join(CURRENT).try_exists().map_err(IndexError::io(path))? {
        return Ok(true);
    }
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        entries => entries.map_err(IndexError::io(path))?,
    };
    for entry in entries {
        let name = PathBuf::from(entry.map_err(IndexError::io(path))?.file_name());
        if name.extension().is_some_and(|kind| kind == "sst" || kind == "log") {
            let detail = format_args!("its file {CURRENT} is missing, and {} is there", name.display());
            return Err(IndexError::corrupt("database", detail));
        }
    }
    Ok(false)
}

/// Which manifest is current, and how long it is: a writer that begins or gives up a file appends to it. None where that
/// cannot be read, which RocksDB will say.
fn manifest(path: &Path) -> Option<(PathBuf, u64)> {
    let manifest = path.join(fs::read_to_string(path.join(CURRENT)).ok()?.trim_end());
    let length = fs::metadata(&manifest).ok()?.len();
    Some((manifest, length))
}

fn list_families(path: &Path) -> Result<Vec<String>> {
    DB::list_cf(&Options::default(), path).map_err(database_error("open"))
}

/// Why a database cannot be opened whose column families are not all there.
fn missing_family(path: &Path) -> Option<IndexError> {
    let present = list_families(path).ok()?;
    let missing = Cf::ALL
        .iter()
        .find(|cf| !present.iter().any(|name| name == cf.name()))?;
    let detail = format_args!("no column family `{}`", missing.name());
    Some(IndexError::corrupt("database", detail))
}

/// For `map_err`: what was being done when RocksDB failed.
fn database_error(action: &'static str) -> impl Fn(rocksdb::Error) -> IndexError {
    move |error| IndexError::Database {
        action,
        detail: error.into_string(),
    }
}

/// Runs `attempt` again while the database seems to change under it. A refusal of the format is final.
fn retry<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut tried = 1;
    loop {
        match attempt() {
            Err(IndexError::Database { .. } | IndexError::Corrupt { .. } | IndexError::NotFound { .. })
                if tried < ATTEMPTS =>
            {
                tried += 1;
                thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
