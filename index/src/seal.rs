//! Sealing: one immutable segment of all vectors of a space.

use rayon::ThreadPoolBuilder;

use crate::error::{IndexError, Result};
use crate::graph::{self, Graph};
use crate::matrix::Matrix;
use crate::segment;
use crate::store::codec::SegmentRecord;
use crate::store::{Cf, Changes, keys};
use crate::types::Space;
use crate::writer::{Writer, remove_unnamed_segments};

/// How to seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealOptions {
    /// A graph is built for a space of at least this many vectors; below the default of 20,000 searches scan anyway.
    pub graph_min_items: usize,
    /// Threads that build the graph; none means all.
    pub threads: Option<usize>,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self {
            graph_min_items: crate::search::GRAPH_MIN_ROWS,
            threads: None,
        }
    }
}

/// What sealing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealSummary {
    /// Vectors in the segment.
    pub items: u64,
    /// Whether the segment has a graph.
    pub graph: bool,
    /// Vectors that no walk of the graph reaches, in spite of the edges added for them; normally 0.
    pub unreached: u64,
    /// Bytes of the segment file.
    pub bytes: u64,
    /// False when the segment was already as asked for, and nothing was written.
    pub written: bool,
}

/// Sealing waits until this many vectors are not sealed: scanning them takes well under a millisecond.
const DUE_MIN_ITEMS: u64 = 4_096;
/// Sealing waits until the vectors that are not sealed are one in this many, so that its cost stays in proportion.
const DUE_SHARE: u64 = 8;

impl Writer {
    /// Seals a space where so many of its vectors are in no segment that searches feel it.
    ///
    /// # Errors
    /// As of [`Writer::seal`].
    pub fn seal_if_due(&mut self, space: &Space, options: &SealOptions) -> Result<Option<SealSummary>> {
        let counters = self.index().shape(space.id)?.counters;
        let due = counters.unsealed >= DUE_MIN_ITEMS && counters.unsealed * DUE_SHARE >= counters.items;
        if due {
            self.seal(space, options).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Writes all vectors of a space to one segment, which then serves searches. Takes minutes for millions of
    /// vectors with a graph, and about three times the vectors' f16 size in memory.
    ///
    /// # Errors
    /// [`IndexError::NoSuchSpace`], [`IndexError::Io`] or [`IndexError::Graph`]; the space is then as before.
    pub fn seal(&mut self, space: &Space, options: &SealOptions) -> Result<SealSummary> {
        let shape = self.index().shape(space.id)?;
        let wants_graph = shape.counters.items >= options.graph_min_items as u64 && shape.counters.items > 0;
        if let Some(sealed) = &shape.sealed
            && sealed.dead.len() == 0
            && shape.counters.unsealed == 0
            && sealed.record.graph == wants_graph
        {
            let (items, bytes) = (sealed.record.items, sealed.segment.bytes());
            return Ok(SealSummary {
                items,
                graph: wants_graph,
                unreached: 0,
                bytes,
                written: false,
            });
        }

        let mut counters = shape.counters;
        let matrix = Matrix::load(self.index().store(), space.id, shape.space.dim, &counters)?;
        let graph = if wants_graph {
            Some(build(&matrix, options.threads)?)
        } else {
            None
        };
        let mut changes = Changes::default();
        changes.clear(Cf::Unsealed, &keys::space(space.id));
        changes.delete(Cf::Segments, keys::tombstones(space.id));
        counters.revision += 1;
        counters.unsealed = 0;
        let mut summary = SealSummary {
            items: matrix.ids.len() as u64,
            graph: wants_graph,
            written: true,
            ..SealSummary::default()
        };
        if matrix.ids.is_empty() {
            changes.delete(Cf::Segments, keys::segment(space.id));
        } else {
            let directory = segment::directory(self.index().dir());
            let name = format!("{:08x}-{:016x}.seg", space.id.0, counters.revision);
            let graph = graph.as_ref().map(|(graph, unreached)| {
                summary.unreached = *unreached;
                graph
            });
            let checksum = segment::write(&directory, &name, &matrix, graph)?;
            summary.bytes = std::fs::metadata(directory.join(&name))
                .map_err(IndexError::io(&directory))?
                .len();
            let record = SegmentRecord {
                name,
                checksum,
                items: summary.items,
                graph: wants_graph,
            };
            changes.put_record(Cf::Segments, keys::segment(space.id), &record)?;
        }
        changes.put_record(Cf::Meta, keys::counters(space.id), &counters)?;
        self.index().write(&changes, [space.id])?;
        remove_unnamed_segments(self.index().store(), self.index().dir())?;
        Ok(summary)
    }
}

/// The graph, and how many rows no walk reaches.
fn build(matrix: &Matrix, threads: Option<usize>) -> Result<(Graph, u64)> {
    let Some(threads) = threads else {
        return graph::build(matrix);
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| IndexError::Graph {
        reason: error.to_string(),
    })?
    .install(|| graph::build(matrix))
}
