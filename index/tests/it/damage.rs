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

/// What a crash leaves of a library with commits in the log: its files, copied while the writer is open.
fn crashed(batches: usize) -> tempfile::TempDir {
    let (dir, mut writer, space) = library(8);
    for (round, vectors) in clustered(9, 10 * batches, 8, 3).chunks(10).enumerate() {
        let mut batch = writer.batch();
        for (number, vector) in vectors.iter().enumerate() {
            batch.upsert(&space, &[round as u8, number as u8], vector, b"").unwrap();
        }
        batch.commit().unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("db")).unwrap();
    for entry in fs::read_dir(dir.path().join("db")).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, copy.path().join("db").join(from.file_name().unwrap())).unwrap();
    }
    copy
}

/// Changes the longest log of a library.
fn change_log(library: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let files = fs::read_dir(library.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
    let log = logs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&log).unwrap();
    change(&mut bytes);
    fs::write(log, bytes).unwrap();
}

#[test]
fn a_damaged_log_is_an_error_until_what_is_behind_the_damage_is_given_up() {
    let dir = crashed(6);
    change_log(dir.path(), |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    for error in [Index::open(dir.path()).err(), Writer::open(dir.path()).err()] {
        let message = error.unwrap().to_string();
        assert!(
            message.contains("Corruption") && message.contains("verify --repair"),
            "{message}"
        );
    }
    drop(Writer::open_giving_up_log(dir.path()).unwrap());
    let index = Index::open(dir.path()).unwrap();
    let left = index.count(index.space("images").unwrap().unwrap().id).unwrap();
    assert!(left > 0 && left < 60 && left.is_multiple_of(10), "{left}");
    assert_sound(&index);
}

#[test]
fn a_log_whose_end_is_missing_is_read_as_far_as_it_goes() {
    let dir = crashed(6);
    change_log(dir.path(), |bytes| bytes.truncate(bytes.len() - 7));
    let index = Index::open(dir.path()).unwrap();
    assert_eq!(index.count(index.space("images").unwrap().unwrap().id).unwrap(), 50);
    drop(Writer::open(dir.path()).unwrap());
    assert_sound(&Index::open(dir.path()).unwrap());
}
