//! Segment files: what is written is read, the format stays as it is, and damage anywhere is noticed.

use std::fs;
use std::path::Path;

use half::f16;

use super::format::{BLOCK, NONE};
use super::*;
use crate::graph::{Graph, Level};
use crate::matrix::Matrix;
use crate::quantize::Codes;
use crate::sketch::{Sketches, WIDTH};
use crate::store::codec::SegmentRecord;
use crate::testing::unit_rows;

const NAME: &str = "test.seg";

/// Vectors that every platform makes alike, and sketches that no vectors have.
fn small() -> (Matrix, Graph, Sketches) {
    let values: [f32; 15] = [
        1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.5, 0.75, -0.25, 0.5, 0.875,
    ];
    let matrix = Matrix {
        ids: vec![2, 3, 5, 8, 1 << 40],
        vectors: values.iter().map(|value| f16::from_f32(*value)).collect(),
        dim: 3,
    };
    let graph = Graph {
        entry: 3,
        stride: 2,
        level0: vec![1, 2, 2, NONE, 3, 4, 4, 0, 0, NONE],
        upper_stride: 1,
        upper: vec![
            Level {
                nodes: vec![1, 3],
                neighbours: vec![3, 1],
            },
            Level {
                nodes: vec![3],
                neighbours: vec![NONE],
            },
        ],
    };
    let directions = (0..3 * WIDTH).map(|value| f16::from_f32(value as f32 / 8.0));
    let drawn = [[1; 64], [2; 64], [250; 64], [4; 64], [5; 64]];
    let sketches = Sketches::of_parts(3, directions.collect(), &drawn);
    (matrix, graph, sketches)
}

fn written(directory: &Path, matrix: &Matrix, links: Option<(&Graph, &Sketches)>) -> SegmentRecord {
    let (graph, sketches) = links.unzip();
    SegmentRecord {
        name: NAME.to_owned(),
        checksum: write(directory, NAME, matrix, graph, sketches).unwrap(),
        items: matrix.ids.len() as u64,
        graph: graph.is_some(),
        ..SegmentRecord::default()
    }
}

#[test]
fn vectors_that_are_read_are_those_that_are_mapped() {
    let (matrix, ..) = small();
    let directory = tempfile::tempdir().unwrap();
    let record = written(directory.path(), &matrix, None);
    for mapped in [0, usize::MAX] {
        let segment = Segment::open_mapping(directory.path(), &record, 3, mapped).unwrap();
        // What does not lie in the mapping was read.
        let mut buffer = Vec::new();
        for (row, vector) in matrix.vectors.chunks_exact(3).enumerate() {
            assert_eq!(segment.vector(row, &mut buffer), vector);
            assert_eq!(buffer == vector, cfg!(unix) && mapped == 0);
        }
        assert!(segment.vector(5, &mut buffer).is_empty());
        assert!(segment.vector(usize::MAX, &mut buffer).is_empty());
    }
}

#[test]
fn what_is_written_is_read() {
    let (matrix, graph, sketches) = small();
    let directory = tempfile::tempdir().unwrap();
    for links in [Some((&graph, &sketches)), None] {
        let record = written(directory.path(), &matrix, links);
        let segment = Segment::open(directory.path(), &record, 3).unwrap();
        assert_eq!(segment.ids(), matrix.ids);
        assert_eq!(segment.vectors(), matrix.vectors);
        let (codes, truth) = (segment.codes(), Codes::new(&matrix).unwrap());
        let truth = truth.view();
        assert_eq!((codes.dim, codes.codes, codes.scales), (3, truth.codes, truth.scales));
        assert_eq!((codes.mean, codes.error), (truth.mean, truth.error));
        assert!(segment.checksum_holds(&record));
        let Some((graph, sketches)) = links else {
            assert!(segment.graph().is_none() && segment.sketches().is_none());
            continue;
        };
        let (read, truth) = (segment.sketches().unwrap(), sketches.view());
        assert_eq!(
            (read.dim, read.queries, read.sketches),
            (3, truth.queries, truth.sketches)
        );
        let view = segment.graph().unwrap();
        assert_eq!((view.entry, view.stride, view.upper_stride), (3, 2, 1));
        assert_eq!(view.level0, graph.level0);
        for (place, level) in view.upper.iter().enumerate() {
            let truth = graph.upper.get(place).cloned().unwrap_or_default();
            assert_eq!(
                (level.nodes, level.neighbours),
                (&truth.nodes[..], &truth.neighbours[..])
            );
        }
    }
}

/// `GOLDEN=write` writes the file anew, for a new version of the format.
#[test]
fn the_format_is_as_it_was() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/segment-v3.seg");
    let (matrix, graph, sketches) = small();
    let directory = tempfile::tempdir().unwrap();
    written(directory.path(), &matrix, Some((&graph, &sketches)));
    let bytes = fs::read(directory.path().join(NAME)).unwrap();
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&golden, &bytes).unwrap();
    }
    assert!(
        bytes == fs::read(&golden).unwrap(),
        "the file differs from {}",
        golden.display()
    );
}

#[test]
fn a_flipped_byte_is_noticed_wherever_it_is() {
    let (matrix, graph, sketches) = small();
    let directory = tempfile::tempdir().unwrap();
    let record = written(directory.path(), &matrix, Some((&graph, &sketches)));
    let path = directory.path().join(NAME);
    let good = fs::read(&path).unwrap();
    // Between the checksums of the blocks and the body there are only zeros.
    for at in (0..256).chain((256..4096).step_by(97)).chain(4096..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        match Segment::open(directory.path(), &record, 3) {
            Ok(segment) => {
                assert!(at >= 4096, "byte {at} of the header");
                assert!(!segment.checksum_holds(&record), "byte {at}");
                assert!(segment.damaged().all(|block| block.contains(&at)));
            }
            Err(problem) => assert!(at < 4096, "byte {at}: {problem}"),
        }
    }
}

#[test]
fn damage_is_located_by_block() {
    let matrix = unit_rows(700, 512, 0.0, 1);
    let directory = tempfile::tempdir().unwrap();
    let record = written(directory.path(), &matrix, None);
    let path = directory.path().join(NAME);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let segment = Segment::open(directory.path(), &record, 512).unwrap();
    let damaged: Vec<_> = segment.damaged().map(|block| (block.start, block.end)).collect();
    assert_eq!(damaged, [(4096 + BLOCK, last + 1)]);
}

#[test]
fn files_of_another_version_are_refused() {
    let (matrix, ..) = small();
    let directory = tempfile::tempdir().unwrap();
    let record = written(directory.path(), &matrix, None);
    let path = directory.path().join(NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] = 1;
    fs::write(&path, &bytes).unwrap();
    let problem = Segment::open(directory.path(), &record, 3).err().unwrap();
    assert_eq!(problem, "segment version 1, known is 3");
}
