//! Reading past damage.
//!
//! RocksDB keeps entries in blocks with checksums, and an iterator ends at the first block that is damaged. Seeking to a
//! key behind that block goes on; where it ends is found by bisection.

use std::fs;
use std::path::Path;

use rocksdb::{DB, DBRawIteratorWithThreadMode, DBRecoveryMode, Options, PrefixRange, ReadOptions};

use super::{Cf, DATABASE, Store, database_error, list_families, options};
use crate::error::{IndexError, Result};

/// Bytes behind a prefix by which places between keys are told apart.
const PLACE: usize = 48;

impl Store {
    /// Opens what is left of a database, for reading. One that cannot be opened as it is is copied to the system's
    /// directory for temporary files, and the copy is rebuilt from its table files; the database itself stays as it is.
    ///
    /// # Errors
    /// When nothing can be opened.
    pub(crate) fn open_damaged(dir: &Path) -> Result<Self> {
        let path = dir.join(DATABASE);
        if !path.is_dir() {
            return Err(IndexError::NotFound {
                path: dir.to_owned(),
                missing: DATABASE,
            });
        }
        if let Ok(db) = open(&path) {
            return Ok(Self { db, _copy: None });
        }
        let temp = std::env::temp_dir();
        let io = |error| IndexError::io(&temp)(error);
        let copy = tempfile::Builder::new()
            .prefix("clipdex-salvage-")
            .tempdir()
            .map_err(io)?;
        for entry in fs::read_dir(&path).map_err(IndexError::io(&path))? {
            let entry = entry.map_err(IndexError::io(&path))?;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) && entry.file_name() != "LOCK" {
                fs::copy(entry.path(), copy.path().join(entry.file_name())).map_err(io)?;
            }
        }
        DB::repair(&options::database(), copy.path()).map_err(database_error("repair a copy of"))?;
        let db = open(copy.path()).map_err(database_error("open"))?;
        Ok(Self { db, _copy: Some(copy) })
    }

    /// Calls `each` with every entry that can be read whose key starts with `prefix`, in key order; how many damaged
    /// places were passed over.
    pub(crate) fn scan_past_damage(
        &self,
        cf: Cf,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<u64> {
        let Ok(family) = self.family(cf) else {
            return Ok(1);
        };
        // An iterator that met damage may meet it again elsewhere, so there is a new one for each attempt.
        let from = |place: &[u8]| {
            let mut options = ReadOptions::default();
            options.set_iterate_range(PrefixRange(prefix));
            options.fill_cache(false);
            let mut raw = self.db.raw_iterator_cf_opt(family, options);
            raw.seek(place);
            raw
        };
        let (mut gaps, mut last) = (0, prefix.to_vec());
        let mut raw = from(prefix);
        loop {
            while let Some((key, value)) = raw.item() {
                each(key, value)?;
                last.clear();
                last.extend_from_slice(key);
                raw.next();
            }
            if raw.status().is_ok() {
                return Ok(gaps);
            }
            gaps += 1;
            match behind_damage(prefix, &last, |place| is_readable(&from(place))) {
                Some(place) => raw = from(&place),
                None => return Ok(gaps),
            }
        }
    }
}

fn is_readable(raw: &DBRawIteratorWithThreadMode<'_, DB>) -> bool {
    raw.valid() || raw.status().is_ok()
}

fn open(path: &Path) -> Result<DB, rocksdb::Error> {
    let mut database = options::database();
    // A file that cannot be read is to be an error where it is read.
    database.set_paranoid_checks(false);
    database.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
    let present = list_families(path).unwrap_or_default();
    let mut families = options::column_families();
    families.retain(|family| present.iter().any(|name| name == family.name()));
    families.push(rocksdb::ColumnFamilyDescriptor::new("default", Options::default()));
    DB::open_cf_descriptors_read_only(&database, path, families, false)
}

/// The first place from where reading goes on behind the damage that follows the key `last`; none where it never does.
fn behind_damage(prefix: &[u8], last: &[u8], readable: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let key = |place: &[u8; PLACE]| [prefix, place].concat();
    let mut damaged = [0; PLACE];
    let known = last.get(prefix.len()..).unwrap_or_default();
    for (place, byte) in damaged.iter_mut().zip(known) {
        *place = *byte;
    }
    let mut behind = [0xff; PLACE];
    if !readable(&key(&behind)) {
        return None;
    }
    loop {
        let middle = middle(&damaged, &behind);
        if middle == damaged {
            return Some(key(&behind));
        }
        if readable(&key(&middle)) {
            behind = middle;
        } else {
            damaged = middle;
        }
    }
}

/// Half-way between two places, rounded down.
fn middle(a: &[u8; PLACE], b: &[u8; PLACE]) -> [u8; PLACE] {
    let mut sum = [0u16; PLACE];
    let mut carry = 0;
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b).rev() {
        let total = u16::from(*a) + u16::from(*b) + carry;
        (*sum, carry) = (total & 0xff, total >> 8);
    }
    let mut halved = [0; PLACE];
    let mut above = carry;
    for (half, sum) in halved.iter_mut().zip(sum) {
        *half = ((above << 8 | sum) >> 1) as u8;
        above = sum & 1;
    }
    halved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Changes, keys};
    use crate::types::SpaceId;

    #[test]
    fn the_middle_of_two_places() {
        let place = |first: u8, last: u8| {
            let mut place = [0; PLACE];
            (place[0], place[PLACE - 1]) = (first, last);
            place
        };
        assert_eq!(middle(&place(0, 2), &place(0, 7)), place(0, 4));
        assert_eq!(middle(&place(2, 0), &place(4, 0)), place(3, 0));
        assert_eq!(middle(&place(0, 6), &place(0, 7)), place(0, 6));
        let mut half = [0; PLACE];
        half[0] = 0x7f;
        half[1..].fill(0xff);
        assert_eq!(middle(&[0; PLACE], &[0xff; PLACE]), half);
        assert_eq!(middle(&[0xff; PLACE], &[0xff; PLACE]), [0xff; PLACE]);
    }

    /// A database of many blocks, closed and on the disk.
    fn filled(dir: &Path) {
        let store = Store::open_primary(dir).unwrap();
        let mut changes = Changes::default();
        for id in 0..2000u64 {
            changes.put(Cf::Vectors, keys::item(SpaceId(0), id), vec![id as u8; 1000]);
        }
        store.write(&changes).unwrap();
        store.flush().unwrap();
    }

    fn ids(store: &Store) -> (Vec<u64>, u64) {
        let mut ids = Vec::new();
        let gaps = store.scan_past_damage(Cf::Vectors, &keys::space(SpaceId(0)), |key, value| {
            let (_, id) = keys::parse_item(key)?;
            assert!(value.iter().all(|byte| *byte == id as u8), "a damaged value");
            ids.push(id);
            Ok(())
        });
        (ids, gaps.unwrap())
    }

    /// The largest table file.
    fn table(dir: &Path) -> std::path::PathBuf {
        let files = fs::read_dir(dir.join(DATABASE))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let tables = files.filter(|path| path.extension().is_some_and(|end| end == "sst"));
        tables.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
    }

    #[test]
    fn entries_around_a_damaged_block_are_read() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        assert_eq!(ids(&Store::open_damaged(dir.path()).unwrap()), ((0..2000).collect(), 0));
        let path = table(dir.path());
        let good = fs::read(&path).unwrap();
        for at in [10, 1_000_000] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            let (ids, gaps) = ids(&Store::open_damaged(dir.path()).unwrap());
            assert_eq!(gaps, 1);
            assert!(ids.is_sorted() && (1900..2000).contains(&ids.len()), "{}", ids.len());
        }
    }

    #[test]
    fn a_database_without_its_own_list_of_files_is_read_from_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        fs::write(dir.path().join("db/CURRENT"), b"nothing\n").unwrap();
        assert!(Store::open_primary(dir.path()).is_err());
        let store = Store::open_damaged(dir.path()).unwrap();
        assert_eq!(ids(&store), ((0..2000).collect(), 0));
        assert_eq!(fs::read(dir.path().join("db/CURRENT")).unwrap(), b"nothing\n");
    }
}
