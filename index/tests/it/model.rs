//! Random sequences of operations against a plain model in memory.

use std::collections::BTreeMap;

use clipdex_index::{Index, Mode, RootId, SealOptions, SearchParams, Space, Writer};
use proptest::prelude::*;

use crate::support::{FINGERPRINT, Noise, assert_sound, file, oracle};

const DIM: usize = 8;

#[derive(Clone, Debug)]
enum Op {
    Upsert { key: u8, seed: u64 },
    Delete { key: u8 },
    PutFile { rel: u8, key: u8 },
    RemoveFile { rel: u8 },
    SetPayload { key: u8, payload: u8 },
    Commit,
    Abandon,
    Reopen,
    Seal { graph: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let (key, rel) = (0..12u8, 0..8u8);
    prop_oneof![
        8 => (key.clone(), 0..40u64).prop_map(|(key, seed)| Op::Upsert { key, seed }),
        3 => key.clone().prop_map(|key| Op::Delete { key }),
        6 => (rel.clone(), key.clone()).prop_map(|(rel, key)| Op::PutFile { rel, key }),
        4 => rel.prop_map(|rel| Op::RemoveFile { rel }),
        1 => (key, any::<u8>()).prop_map(|(key, payload)| Op::SetPayload { key, payload }),
        4 => Just(Op::Commit),
        1 => Just(Op::Abandon),
        1 => Just(Op::Reopen),
        1 => any::<bool>().prop_map(|graph| Op::Seal { graph }),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ModelItem {
    id: u64,
    vector: Vec<f32>,
    payload: Vec<u8>,
}

/// What the library should hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    items: BTreeMap<u8, ModelItem>,
    files: BTreeMap<u8, u64>,
    next: u64,
    /// Ids that a file stopped naming since the last commit.
    abandoned: Vec<u64>,
}

impl Model {
    fn upsert(&mut self, key: u8, vector: Vec<f32>) -> u64 {
        let next = &mut self.next;
        let item = self.items.entry(key).or_insert_with(|| {
            *next += 1;
            ModelItem {
                id: *next - 1,
                ..ModelItem::default()
            }
        });
        item.vector = vector;
        item.payload = vec![key];
        item.id
    }

    fn delete(&mut self, id: u64) {
        self.items.retain(|_, item| item.id != id);
        self.files.retain(|_, named| *named != id);
    }

    fn commit(&mut self) {
        for id in std::mem::take(&mut self.abandoned) {
            if !self.files.values().any(|named| *named == id) {
                self.delete(id);
            }
        }
    }
}

/// Applies the operations up to the end of a batch to both.
fn run_batch(writer: &mut Writer, space: &Space, root: RootId, model: &mut Model, ops: &[Op], commit: bool) {
    let mut batch = writer.batch();
    let mut after = model.clone();
    for op in ops {
        match *op {
            Op::Upsert { key, seed } => {
                let vector = Noise(seed).unit(DIM);
                let id = batch.upsert(space, &[key], &vector, &[key]).unwrap();
                assert_eq!(id, after.upsert(key, vector));
            }
            Op::Delete { key } => {
                let id = batch.id_of_key(space.id, &[key]).unwrap();
                assert_eq!(id, after.items.get(&key).map(|item| item.id));
                if let Some(id) = id {
                    assert!(batch.delete(space, id).unwrap());
                    after.delete(id);
                }
            }
            Op::PutFile { rel, key } => {
                let id = after.items.get(&key).map_or(u64::MAX, |item| item.id);
                let put = batch.put_file(root, &[rel], &file(space.id, id));
                assert_eq!(put.is_ok(), id != u64::MAX);
                if put.is_ok() {
                    after.abandoned.extend(after.files.insert(rel, id));
                }
            }
            Op::RemoveFile { rel } => {
                let old = after.files.remove(&rel);
                assert_eq!(batch.remove_file(root, &[rel]).unwrap(), old.is_some());
                after.abandoned.extend(old);
            }
            Op::SetPayload { key, payload } => {
                if let Some(item) = after.items.get_mut(&key) {
                    batch.set_payload(space, item.id, &[payload]).unwrap();
                    item.payload = vec![payload];
                }
            }
            Op::Commit | Op::Abandon | Op::Reopen | Op::Seal { .. } => {}
        }
    }
    if commit {
        batch.commit().unwrap();
        after.commit();
        *model = after;
    }
}

fn compare(index: &Index, space: &Space, root: RootId, model: &Model) {
    let items: BTreeMap<u8, (u64, Vec<u8>)> = index
        .items(space.id)
        .map(|item| item.map(|item| (item.key[0], (item.id, item.payload))).unwrap())
        .collect();
    let expected = model
        .items
        .iter()
        .map(|(key, item)| (*key, (item.id, item.payload.clone())));
    assert_eq!(items, expected.collect());
    assert_eq!(index.count(space.id).unwrap(), model.items.len() as u64);
    let files: BTreeMap<u8, u64> = index
        .files(root)
        .map(|entry| entry.map(|(rel, record)| (rel[0], record.item)).unwrap())
        .collect();
    assert_eq!(files, model.files);
    for item in model.items.values() {
        let stored = index.vector(space.id, item.id).unwrap().unwrap();
        assert!(stored.iter().zip(&item.vector).all(|(a, b)| (a - b).abs() < 1e-3));
    }
    let query = Noise(99).unit(DIM);
    let ranked = oracle(index, space.id, &query);
    assert_eq!(ranked.len(), model.items.len());
    for mode in [Mode::Auto, Mode::Exact, Mode::Graph] {
        let params = SearchParams {
            k: 5,
            mode,
            ..SearchParams::default()
        };
        let hits = index.search(space.id, &query, &params).unwrap();
        assert_eq!(hits.len(), ranked.len().min(5));
        // Compared by score, for equal vectors may be summed in another order here.
        assert!(
            hits.iter()
                .zip(&ranked)
                .all(|(hit, (_, score))| (hit.score - score).abs() < 1e-5)
        );
    }
    assert_sound(index);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_library_holds_what_the_model_holds(ops in proptest::collection::vec(op(), 1..120)) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path()).unwrap();
        let space = writer.create_space("s", DIM, FINGERPRINT, b"").unwrap();
        let root = writer.add_root(b"/r").unwrap();
        let mut model = Model::default();
        for ops in ops.split_inclusive(|op| matches!(op, Op::Commit | Op::Abandon | Op::Reopen | Op::Seal { .. })) {
            let abandon = matches!(ops.last(), Some(Op::Abandon));
            run_batch(&mut writer, &space, root, &mut model, ops, !abandon);
            match ops.last() {
                Some(Op::Reopen) => {
                    drop(writer);
                    writer = Writer::open(dir.path()).unwrap();
                }
                Some(Op::Seal { graph }) => {
                    let graph_min_items = if *graph { 1 } else { usize::MAX };
                    writer.seal(&space, &SealOptions { graph_min_items, threads: Some(1) }).unwrap();
                }
                _ => {}
            }
            compare(writer.index(), &space, root, &model);
        }
        drop(writer);
        compare(&Index::open(dir.path()).unwrap(), &space, root, &model);
    }
}
