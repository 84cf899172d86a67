//! Making a segment: vectors from the database, a graph, the file, and what the graph finds.

use std::path::Path;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::SealObserver;
use super::task::Task;
use super::training::{self, Training};
use crate::error::{IndexError, Result};
use crate::graph::{self, BuildOptions, Built};
use crate::matrix::Matrix;
use crate::reader::Index;
use crate::search::recall;
use crate::segment::{self, Segment};
use crate::store::codec::SegmentRecord;
use crate::types::ItemId;
use crate::view::{RowSet, Sealed};

/// What became of a task.
pub(super) enum Outcome {
    /// A segment file that is complete and that no record names yet.
    Made(Box<Made>),
    /// Nothing is left to be sealed.
    Empty,
    /// The file of this segment is damaged, and which items it has is not known.
    Damaged(String),
}

/// A new segment.
pub(super) struct Made {
    pub(super) record: SegmentRecord,
    /// Ascending.
    pub(super) ids: Vec<ItemId>,
    /// Vectors that no walk of the graph reaches.
    pub(super) unreached: u64,
    /// Bytes of the file.
    pub(super) bytes: u64,
}

/// Does the work of a task; nothing shows of it until it is installed.
///
/// # Errors
/// [`IndexError::Cancelled`], or what the database, the graph or the file system says.
pub(super) fn make(index: &Index, task: &Task, observer: &dyn SealObserver) -> Result<Outcome> {
    let (store, dim) = (index.store(), task.space.dim);
    let matrix = match task.load(store)? {
        Ok(matrix) if matrix.ids.is_empty() => return Ok(Outcome::Empty),
        Ok(matrix) => matrix,
        Err(damaged) => return Ok(Outcome::Damaged(damaged.0)),
    };
    let wants_graph = matrix.ids.len() >= task.options.graph_min_items.max(1);
    let training = if wants_graph {
        training::queries(store, &task.space, &task.training)?
    } else {
        Training::default()
    };
    let pool = pool(task.options.threads)?;
    let built = if wants_graph {
        let options = BuildOptions {
            training: (!training.known.is_empty()).then_some(&training.known),
            progress: &|done, of| observer.progressed(done, of),
            cancelled: &|| observer.cancelled(),
        };
        Some(pool.install(|| graph::build(&matrix, &options))?)
    } else {
        None
    };
    if observer.cancelled() {
        return Err(IndexError::Cancelled);
    }
    let directory = segment::directory(index.dir());
    let made = write(&directory, task, matrix, built.as_ref())?;
    let (sealed, mut made) = open(&directory, dim, made)?;
    let cancelled = || observer.cancelled();
    made.record.recall = pool.install(|| recall::measure(&sealed, dim, &training.held_out, &cancelled))?;
    Ok(Outcome::Made(Box::new(made)))
}

fn write(directory: &Path, task: &Task, matrix: Matrix, built: Option<&Built>) -> Result<Made> {
    let graph = built.map(|built| &built.graph);
    let sketches = built.and_then(|built| built.sketches.as_ref());
    let checksum = segment::write(directory, &task.name, &matrix, graph, sketches)?;
    let record = SegmentRecord {
        name: task.name.clone(),
        checksum,
        items: matrix.ids.len() as u64,
        graph: graph.is_some(),
        first: matrix.ids.first().copied().unwrap_or_default(),
        last: matrix.ids.last().copied().unwrap_or_default(),
        recall: Vec::new(),
    };
    Ok(Made {
        record,
        ids: matrix.ids,
        unreached: built.map_or(0, |built| built.unreached),
        bytes: 0,
    })
}

/// Opens what was written, as searches will.
fn open(directory: &Path, dim: usize, made: Made) -> Result<(Sealed, Made)> {
    let path = directory.join(&made.record.name);
    let segment = Segment::open(directory, &made.record, dim)
        .map_err(|problem| IndexError::io(&path)(std::io::Error::other(problem)))?;
    let made = Made {
        bytes: segment.bytes(),
        ..made
    };
    let sealed = Sealed {
        record: made.record.clone(),
        dead: RowSet::new(made.ids.len()),
        segment,
    };
    Ok((sealed, made))
}

fn pool(threads: Option<usize>) -> Result<ThreadPool> {
    let builder = ThreadPoolBuilder::new().num_threads(threads.unwrap_or_default());
    builder.build().map_err(|error| IndexError::Graph {
        reason: error.to_string(),
    })
}
