//! Damaged segment files are noticed whatever byte it is, and repaired.

use std::fs;
use std::path::{Path, PathBuf};

use clipdex_index::{Fault, Index, RepairSummary, SealOptions, SearchParams, SegmentPolicy, Space, Writer, verify};

use crate::support::{assert_sound, clustered, library, oracle};

const DIM: usize = 8;
const OPTIONS: SealOptions = SealOptions {
    graph_min_items: 20,
    threads: Some(1),
};

/// Two segments, the one with a graph and a dead vector, and a few vectors in none.
fn prepared() -> (tempfile::TempDir, Writer, Space) {
    let (dir, mut writer, space) = library(DIM);
    writer.set_policy(SegmentPolicy {
        seal_at: 10,
        factor: 9,
        dead_percent: 25,
    });
    let vectors = clustered(51, 60, DIM, 5);
    for vectors in [&vectors[..40], &vectors[40..55], &vectors[55..]] {
        let mut batch = writer.batch();
        for vector in vectors {
            let key: Vec<u8> = vector.iter().flat_map(|x| x.to_be_bytes()).collect();
            batch.upsert(&space, &key, vector, b"").unwrap();
        }
        batch.commit().unwrap();
        writer.tend(&space, &OPTIONS).unwrap();
        while writer.is_tending() {
            writer.tend(&space, &OPTIONS).unwrap();
        }
    }
    let mut batch = writer.batch();
    batch.delete(&space, 3).unwrap();
    batch.commit().unwrap();
    (dir, writer, space)
}

fn segment_files(library: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(library.join("segments")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Puts other bytes in the place of a file, which may be mapped.
fn replace(path: &Path, bytes: &[u8]) {
    let aside = path.with_extension("aside");
    fs::write(&aside, bytes).unwrap();
    fs::rename(&aside, path).unwrap();
}

fn assert_answers(index: &Index, space: &Space) {
    for query in clustered(52, 10, DIM, 5) {
        let params = SearchParams {
            k: 10,
            ..SearchParams::default()
        };
        let hits = index.search(space.id, &query, &params).unwrap();
        let truth = oracle(index, space.id, &query);
        assert_eq!(hits.len(), 10);
        assert!(
            hits.iter()
                .zip(&truth)
                .all(|(hit, (_, score))| (hit.score - score).abs() < 1e-5)
        );
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_any_segment_is_noticed() {
    let (dir, writer, _space) = prepared();
    assert_sound(writer.index());
    let files = segment_files(dir.path());
    assert_eq!(files.len(), 2);
    for path in files {
        let good = fs::read(&path).unwrap();
        // Every byte of the header; behind it a step that comes to every place of every kind of number.
        for at in (0..512).chain((512..good.len()).step_by(3)) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            replace(&path, &bad);
            let problems = verify(writer.index()).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let expected = Fault::Segment { name: name.to_owned() };
            assert!(
                problems.iter().any(|problem| problem.fault == expected),
                "byte {at}: {problems:?}"
            );
        }
        replace(&path, &good);
    }
    assert_sound(writer.index());
}

#[test]
fn damaged_segments_are_made_anew_and_the_answers_are_right() {
    for (which, part) in [(0, 0.01), (0, 0.1), (0, 0.5), (0, 0.99), (1, 0.3), (1, 0.9)] {
        let (dir, mut writer, space) = prepared();
        let path = &segment_files(dir.path())[which];
        let mut bytes = fs::read(path).unwrap();
        let at = (bytes.len() as f64 * part) as usize;
        bytes[at] ^= 0x55;
        replace(path, &bytes);
        let problems = verify(writer.index()).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let summary = writer.repair(&problems).unwrap();
        assert_eq!(summary, RepairSummary::default());
        writer.settle(&space, &OPTIONS, &()).unwrap();
        assert_sound(writer.index());
        assert_answers(writer.index(), &space);
        let index = Index::open(dir.path()).unwrap();
        assert_sound(&index);
        assert_answers(&index, &space);
        assert_eq!(index.count(space.id).unwrap(), 59);
    }
}

#[test]
fn missing_segments_are_made_anew() {
    let (dir, mut writer, space) = prepared();
    for path in segment_files(dir.path()) {
        fs::remove_file(path).unwrap();
    }
    let index = Index::open(dir.path()).unwrap();
    assert_answers(&index, &space);
    assert_eq!(index.warnings().len(), 2);
    let problems = verify(writer.index()).unwrap();
    assert_eq!(problems.len(), 2, "{problems:?}");
    writer.repair(&problems).unwrap();
    writer.settle(&space, &OPTIONS, &()).unwrap();
    assert_sound(writer.index());
    assert_answers(writer.index(), &space);
}
