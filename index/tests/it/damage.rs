//! Damaged and missing segment files: right answers all the same, and `verify` says what is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use clipdex_index::{Index, Mode, SealOptions, SearchParams, SpaceId, Writer, verify};

use crate::support::{assert_sound, clustered, fill, library, oracle};

const DIM: usize = 16;
const COUNT: usize = 500;

fn segment_file(library: &Path) -> PathBuf {
    let mut files = fs::read_dir(library.join("segments")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// A sealed library, with one item deleted and one written after.
fn sealed() -> (tempfile::TempDir, SpaceId) {
    let (dir, mut writer, space) = library(DIM);
    fill(&mut writer, &space, &clustered(1, COUNT, DIM, 10));
    writer
        .seal(
            &space,
            &SealOptions {
                graph_min_items: 1,
                threads: Some(1),
            },
        )
        .unwrap();
    let mut batch = writer.batch();
    batch.delete(&space, 3).unwrap();
    batch.upsert(&space, b"late", &clustered(2, 1, DIM, 1)[0], b"").unwrap();
    batch.commit().unwrap();
    (dir, space.id)
}

fn answers(index: &Index, space: SpaceId, mode: Mode) -> Vec<Vec<u64>> {
    let params = SearchParams {
        k: 10,
        mode,
        ..SearchParams::default()
    };
    let answer = |query: &Vec<f32>| {
        index
            .search(space, query, &params)
            .unwrap()
            .iter()
            .map(|hit| hit.id)
            .collect()
    };
    clustered(1, 5, DIM, 10).iter().map(answer).collect()
}

fn check(dir: &Path, space: SpaceId, truth: &[Vec<u64>], what: &str) {
    let index = Index::open(dir).unwrap();
    for mode in [Mode::Auto, Mode::Exact, Mode::Graph] {
        assert_eq!(answers(&index, space, mode), truth, "{what}");
    }
    let [warning] = index.warnings().try_into().unwrap();
    let problems = verify(&index).unwrap();
    assert_eq!(problems.len(), 1, "{what}: {problems:?}");
    assert_eq!(problems[0].detail, warning, "{what}");
    assert_eq!(index.vectors(space).unwrap().ids.len(), COUNT);
}

#[test]
fn a_header_that_is_damaged_in_any_byte_means_a_scan() {
    let (dir, space) = sealed();
    let truth = answers(&Index::open(dir.path()).unwrap(), space, Mode::Exact);
    let path = segment_file(dir.path());
    let good = fs::read(&path).unwrap();
    for at in [0, 7, 8, 39, 40, 44, 45, 48, 52, 56, 63, 64, 71, 72, 75] {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        fs::write(&path, &bad).unwrap();
        check(dir.path(), space, &truth, &format!("byte {at}"));
    }
}

#[test]
fn a_file_that_is_cut_lengthened_or_gone_means_a_scan() {
    let (dir, space) = sealed();
    let truth = answers(&Index::open(dir.path()).unwrap(), space, Mode::Exact);
    let path = segment_file(dir.path());
    let good = fs::read(&path).unwrap();
    for length in [0, 7, 40, 100, 192, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..length]).unwrap();
        check(dir.path(), space, &truth, &format!("cut to {length}"));
    }
    fs::write(&path, [good.as_slice(), b"x"].concat()).unwrap();
    check(dir.path(), space, &truth, "one byte longer");
    fs::remove_file(&path).unwrap();
    check(dir.path(), space, &truth, "gone");

    let mut writer = Writer::open(dir.path()).unwrap();
    let images = writer.index().space("images").unwrap().unwrap();
    assert!(
        writer.seal(&images, &SealOptions::default()).unwrap().written,
        "sealing replaces it"
    );
    assert_eq!(answers(writer.index(), space, Mode::Auto), truth);
    assert_sound(writer.index());
}

#[test]
fn damage_past_the_header_never_panics_and_verify_finds_it() {
    let (dir, space) = sealed();
    let path = segment_file(dir.path());
    let good = fs::read(&path).unwrap();
    for at in (192..good.len()).step_by(good.len() / 60) {
        let mut bad = good.clone();
        let end = (at + 600).min(bad.len());
        bad[at..end].iter_mut().for_each(|byte| *byte ^= 0xa5);
        fs::write(&path, &bad).unwrap();
        let index = Index::open(dir.path()).unwrap();
        for mode in [Mode::Exact, Mode::Graph] {
            assert!(answers(&index, space, mode).iter().all(|hits| hits.len() <= 10));
        }
        index.vectors(space).unwrap();
        assert!(!verify(&index).unwrap().is_empty(), "damage at {at}");
    }
}

#[test]
fn files_that_no_record_names_are_removed_when_a_writer_opens() {
    let (dir, space) = sealed();
    let named = segment_file(dir.path());
    for name in [
        "00000000-00000000000000ff.seg",
        "00000000-0000000000000100.seg.tmp",
        "notes.txt",
    ] {
        fs::write(dir.path().join("segments").join(name), b"x").unwrap();
    }
    drop(Writer::open(dir.path()).unwrap());
    let mut left: Vec<_> = fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [named, dir.path().join("segments/notes.txt")],
        "what is not ours stays"
    );
    let index = Index::open(dir.path()).unwrap();
    assert_eq!(oracle(&index, space, &clustered(1, 1, DIM, 10)[0]).len(), COUNT);
    assert_sound(&index);
}
