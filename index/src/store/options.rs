//! RocksDB options, sized for about a million items of 512 dimensions.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel, Options,
    WriteOptions,
};

use super::Cf;

const MIB: usize = 1 << 20;
/// Uncompressed blocks kept in memory: about every index and filter block, and the records in use.
const BLOCK_CACHE: usize = 64 * MIB;
/// Memory of unflushed writes, all column families together.
const WRITE_BUFFERS: usize = 96 * MIB;
/// Above this the oldest column family is flushed, so that opening never replays more.
const MAX_WAL: u64 = 64 << 20;

/// Options of the database as a whole.
pub(super) fn database() -> Options {
    let mut options = Options::default();
    options.create_missing_column_families(true);
    // A reader must keep every file open, for the writer may delete it at any time.
    options.set_max_open_files(-1);
    options.set_db_write_buffer_size(WRITE_BUFFERS);
    options.set_max_total_wal_size(MAX_WAL);
    // The end of the log may be missing after a crash, for it was not synced yet. Other damage loses what was committed,
    // and is an error.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    // There are few files, and by default sixteen threads would start for each column family.
    options.set_max_file_opening_threads(1);
    options.set_max_background_jobs(2);
    options.set_max_manifest_file_size(4 * MIB);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(MIB);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    options
}

/// Options of a reader's view of the database. It keeps no log, mostly the options of every column family, which took a
/// fifth of the opening to write and a directory of its own.
pub(super) fn reader() -> Options {
    let mut options = database();
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| ()));
    options
}

/// Every column family that this program knows.
pub(super) fn column_families() -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE);
    let vectors = vectors(&cache);
    let scanned = records(&blocks(&cache));
    let mut filtered = blocks(&cache);
    filtered.set_bloom_filter(10.0, false);
    let looked_up = records(&filtered);
    // Copied, for options that are made anew make a cache of their own first, which is never used.
    let options = |cf| match cf {
        Cf::Vectors => vectors.clone(),
        // Often asked for what is not there. Filters of the others would only be read at each opening.
        Cf::Keys | Cf::Files => looked_up.clone(),
        _ => scanned.clone(),
    };
    Cf::ALL
        .iter()
        .map(|cf| ColumnFamilyDescriptor::new(cf.name(), options(*cf)))
        .collect()
}

fn blocks(cache: &Cache) -> BlockBasedOptions {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_format_version(5);
    blocks.set_block_size(16 << 10);
    blocks
}

fn records(blocks: &BlockBasedOptions) -> Options {
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(8 * MIB);
    options.set_block_based_table_factory(blocks);
    options
}

/// f16 values hardly compress, and a scan should spend its time on the values alone.
fn vectors(cache: &Cache) -> Options {
    let mut blocks = blocks(cache);
    blocks.set_block_size(64 << 10);
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(32 * MIB);
    options.set_block_based_table_factory(&blocks);
    options
}

/// A committed batch is on the disk before the commit returns.
pub(super) fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}
