//! Vectors in RocksDB with a search graph over them.
//!
//! A library is a directory. It holds named *spaces* of unit vectors; each vector belongs to an *item*, which has the
//! caller's key and payload, opaque here. A catalogue of *files* under *roots* says which file shows which item. The
//! crate knows nothing of images, models or the command line.
//!
//! - [`Writer`] is the one writer; everything it puts into a [`Batch`] is committed together or not at all.
//! - [`Index`] reads, beside a writer in another process if there is one, and searches.
//! - RocksDB is the truth. From it [`Writer::tend`] (beside batches), [`Writer::settle`] and [`Writer::seal`] derive
//!   *segments*: memory-mapped files with vectors and, for many of them, a graph. A missing or damaged segment costs
//!   speed, never an answer; [`verify`] reports it and [`Writer::repair`] has it made anew. Of a database that is itself
//!   damaged, [`Salvage`] reads what is left.
//!
//! ```
//! use clipdex_index::{Index, SearchParams, Writer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let mut writer = Writer::open(dir.path())?;
//! let space = writer.create_space("images", 2, [0; 32], b"")?;
//! let mut batch = writer.batch();
//! let beach = batch.upsert(&space, b"beach", &[1.0, 0.0], b"payload")?;
//! batch.upsert(&space, b"forest", &[0.0, 1.0], b"")?;
//! batch.commit()?;
//!
//! let index = Index::open(dir.path())?;
//! let hits = index.search(space.id, &[0.8, 0.6], &SearchParams { k: 1, ..SearchParams::default() })?;
//! assert_eq!(hits[0].id, beach);
//! # Ok(())
//! # }
//! ```

mod batch;
mod error;
mod graph;
mod kernel;
mod matrix;
mod quantize;
mod reader;
mod repair;
mod replace;
mod rows;
mod salvage;
mod seal;
mod search;
mod segment;
mod sketch;
mod stats;
mod store;
mod types;
mod verify;
mod view;
mod watch;
mod writer;

#[cfg(test)]
mod testing;

pub use batch::Batch;
pub use error::{IndexError, Result};
pub use reader::Index;
pub use repair::RepairSummary;
pub use replace::Replacement;
pub use roaring::RoaringTreemap;
pub use rows::Rows;
pub use salvage::{Salvage, SalvagedItem};
pub use seal::{SealObserver, SealOptions, SealSummary, SegmentPolicy};
pub use search::{Method, Mode, Plan, PlanReason, SearchParams};
pub use stats::{RecallStats, SegmentStats, SpaceStats, Stats};
pub use types::{CommitSummary, FailureRecord, FileRecord, Hit, Item, ItemId, Root, RootId, Space, SpaceId, VectorSet};
pub use verify::{Fault, Problem, verify};
pub use watch::Recall;
pub use writer::Writer;
