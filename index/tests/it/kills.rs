//! A writer that is killed at any moment, whatever it is doing, loses nothing that it committed, and readers beside it
//! see whole commits alone. `CLIPDEX_KILL_ROUNDS=200` kills so many times in each phase instead of a few.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clipdex_index::{FailureRecord, Index, IndexError, Mode, SealOptions, SearchParams, SegmentPolicy, Space, Writer};

use crate::support::{FINGERPRINT, Noise, assert_sound, oracle};

const DIM: usize = 16;
const ITEMS_A_BATCH: u64 = 10;
/// Kills after which a library has become large enough.
const KILLS_A_LIBRARY: u64 = 25;
const DIR: &str = "CLIPDEX_KILL_DIR";
const PHASE: &str = "CLIPDEX_KILL_PHASE";
const ROUNDS: &str = "CLIPDEX_KILL_ROUNDS";
/// Where the worker says how many batches it has committed.
const ACKNOWLEDGED: &str = "acknowledged";

const POLICY: SegmentPolicy = SegmentPolicy {
    seal_at: 40,
    factor: 3,
    dead_percent: 25,
};
const OPTIONS: SealOptions = SealOptions {
    graph_min_items: 100,
    threads: Some(1),
};

#[test]
fn while_it_inserts() {
    kill("insert");
}

#[test]
fn while_it_seals() {
    kill("seal");
}

#[test]
fn while_it_merges_in_the_background() {
    kill("merge");
}

#[test]
fn while_it_compacts() {
    kill("compact");
}

/// The writer's process; does nothing in an ordinary run of the tests.
#[test]
fn worker() {
    let (Some(dir), Ok(phase)) = (env::var_os(DIR), env::var(PHASE)) else {
        return;
    };
    let dir = Path::new(&dir);
    let mut writer = Writer::open(&dir.join("library")).unwrap();
    writer.set_policy(POLICY);
    let space = writer.create_space("images", DIM, FINGERPRINT, b"").unwrap();
    let root = writer.add_root(b"/r").unwrap();
    let mut acknowledged = fs::File::create(dir.join(ACKNOWLEDGED)).unwrap();
    for number in batches(writer.index()).. {
        let mut batch = writer.batch();
        for (key, seed) in written(number) {
            let vector = Noise(seed).unit(DIM);
            batch.upsert(&space, &key, &vector, b"").unwrap();
        }
        for key in deleted(number) {
            let id = batch.id_of_key(space.id, &key).unwrap().unwrap();
            assert!(batch.delete(&space, id).unwrap());
        }
        let count = FailureRecord {
            reason: String::new(),
            size: number + 1,
            mtime_ns: 0,
            failed_at_unix: 0,
            transient: false,
        };
        batch.put_failure(root, b"batches", &count).unwrap();
        batch.commit().unwrap();
        acknowledged.write_all(&(number + 1).to_be_bytes()).unwrap();
        match phase.as_str() {
            "insert" => {}
            "seal" => drop(writer.seal_if_due(&space, &OPTIONS).unwrap()),
            "merge" => writer.tend(&space, &OPTIONS).unwrap(),
            "compact" => drop(writer.seal(&space, &OPTIONS).unwrap()),
            other => panic!("no phase {other}"),
        }
    }
}

/// Batches that the library holds.
fn batches(index: &Index) -> u64 {
    let Some(root) = index.roots().unwrap().first().map(|root| root.id) else {
        return 0;
    };
    index.failure(root, b"batches").unwrap().map_or(0, |count| count.size)
}

fn key(batch: u64, item: u64) -> Vec<u8> {
    [batch.to_be_bytes(), item.to_be_bytes()].concat()
}

/// Keys that a batch writes, and the seeds of their vectors: ten new items, and one of an earlier batch again.
fn written(batch: u64) -> Vec<(Vec<u8>, u64)> {
    let new = (0..ITEMS_A_BATCH).map(|item| (key(batch, item), batch * 100 + item));
    let again = batch.checked_sub(5).filter(|earlier| earlier % 4 != 0);
    new.chain(again.map(|earlier| (key(earlier, 3), batch * 100 + 50)))
        .collect()
}

/// Keys that a batch deletes: all of an earlier batch.
fn deleted(batch: u64) -> Vec<Vec<u8>> {
    let earlier = batch.checked_sub(7).filter(|earlier| earlier % 4 == 0);
    let items = |earlier| (0..ITEMS_A_BATCH).map(move |item| key(earlier, item));
    earlier.into_iter().flat_map(items).collect()
}

/// What a library of so many batches holds: keys and seeds of vectors.
fn expected(batches: u64) -> BTreeMap<Vec<u8>, u64> {
    let mut items = BTreeMap::new();
    for batch in 0..batches {
        items.extend(written(batch));
        for key in deleted(batch) {
            items.remove(&key);
        }
    }
    items
}

fn kill(phase: &str) {
    let rounds = env::var(ROUNDS).map_or(3, |rounds| rounds.parse().unwrap());
    let mut noise = Noise(phase.len() as u64);
    let mut dir = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        if round % KILLS_A_LIBRARY == 0 {
            dir = tempfile::tempdir().unwrap();
        }
        let mut child = start(dir.path(), phase);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| read(&dir.path().join("library"), &stop));
            let committed = wait_for_a_commit(dir.path(), &mut child);
            thread::sleep(Duration::from_micros(noise.bits() % 120_000));
            // Neither reader nor writer may outlive a test that fails.
            stop.store(true, Ordering::Relaxed);
            child.kill().unwrap();
            child.wait().unwrap();
            committed.unwrap();
        });
        check(dir.path(), &format!("{phase}, round {round}"));
    }
}

fn start(dir: &Path, phase: &str) -> Child {
    let _ = fs::remove_file(dir.join(ACKNOWLEDGED));
    Command::new(env::current_exe().unwrap())
        .args(["kills::worker", "--exact", "--quiet"])
        .env(DIR, dir)
        .env(PHASE, phase)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn wait_for_a_commit(dir: &Path, child: &mut Child) -> Result<(), &'static str> {
    let start = Instant::now();
    while fs::metadata(dir.join(ACKNOWLEDGED)).map_or(0, |file| file.len()) == 0 {
        if child.try_wait().unwrap().is_some() {
            return Err("the writer ended by itself");
        }
        if start.elapsed() > Duration::from_secs(60) {
            return Err("the writer commits nothing");
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A reader beside the writer: it sees whole batches, and never fewer than before.
fn read(library: &Path, stop: &AtomicBool) {
    let query = Noise(7).unit(DIM);
    let mut seen = 0;
    while !stop.load(Ordering::Relaxed) {
        let open = match Index::open(library) {
            Err(IndexError::NotFound { .. }) => {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            open => open.unwrap(),
        };
        if let Some(space) = open.space("images").unwrap() {
            let params = SearchParams {
                k: 10,
                ..SearchParams::default()
            };
            let hits = open.search(space.id, &query, &params).unwrap();
            let count = open.count(space.id).unwrap();
            assert_eq!(hits.len() as u64, count.min(10));
            assert_eq!(count % ITEMS_A_BATCH, 0, "half a batch");
            assert!(batches(&open) >= seen, "a batch is gone");
            seen = batches(&open);
        }
    }
}

fn check(dir: &Path, what: &str) {
    let acknowledged = fs::read(dir.join(ACKNOWLEDGED)).unwrap();
    let (numbers, _) = acknowledged.as_chunks::<8>();
    let acknowledged = numbers.last().map_or(0, |number| u64::from_be_bytes(*number));
    let index = Index::open(&dir.join("library")).unwrap();
    let held = batches(&index);
    assert!(
        held == acknowledged || held == acknowledged + 1,
        "{what}: {held} batches, of which {acknowledged} were acknowledged"
    );
    let space = index.space("images").unwrap().unwrap();
    assert_items(&index, &space, held, what);
    assert_sound(&index);
    assert!(index.warnings().is_empty(), "{what}: {:?}", index.warnings());
    let query = Noise(held).unit(DIM);
    let truth = oracle(&index, space.id, &query);
    let params = SearchParams {
        k: 10,
        mode: Mode::Exact,
        ..SearchParams::default()
    };
    let hits = index.search(space.id, &query, &params).unwrap();
    assert!(
        hits.iter()
            .zip(&truth)
            .all(|(hit, (_, score))| (hit.score - score).abs() < 1e-5),
        "{what}"
    );
}

fn assert_items(index: &Index, space: &Space, batches: u64, what: &str) {
    let expected = expected(batches);
    let mut count = 0;
    for item in index.items(space.id) {
        let item = item.unwrap();
        let vector = Noise(expected[&item.key]).unit(DIM);
        let stored = index.vector(space.id, item.id).unwrap().unwrap();
        assert!(stored.iter().zip(&vector).all(|(a, b)| (a - b).abs() < 1e-3), "{what}");
        count += 1;
    }
    assert_eq!(count, expected.len(), "{what}");
}
