//! Runs that are cut short, on vectors that nobody embedded.

use std::cell::Cell;
use std::path::Path;

use clipdex_index::ItemId;

use super::*;
use crate::encoder::kernels::testing::noise;
use crate::labels::{Bank, BankWriter, LabelSource, Prediction, RecipeChange, WorkProgress};
use crate::library::LibraryWriter;

/// More photographs than are committed together.
const PHOTOS: u64 = 9_000;

/// Stops after so many commits.
struct Stop(Cell<usize>);

impl WorkProgress for Stop {
    fn planned(&self, _: usize) {}

    fn committed(&self, _: usize) {
        self.0.set(self.0.get() - 1);
    }

    fn cancelled(&self) -> bool {
        self.0.get() == 0
    }
}

fn never() -> Stop {
    Stop(Cell::new(usize::MAX))
}

fn add_labels(writer: &mut LibraryWriter, dir: &Path, names: &str) {
    let file = dir.join("labels.txt");
    std::fs::write(&file, names).unwrap();
    let mut banks = BankWriter::new(writer);
    banks
        .add("things", &LabelSource::File(file), &RecipeChange::default(), &never())
        .unwrap();
}

fn add_photos(writer: &mut LibraryWriter) {
    let images = writer.images().clone();
    let mut batch = writer.index_mut().batch();
    for photo in 0..PHOTOS {
        let mut vector = noise(images.dim, photo);
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= norm);
        batch.upsert(&images, &photo.to_be_bytes(), &vector, b"").unwrap();
    }
    batch.commit().unwrap();
}

fn run(writer: &mut LibraryWriter, stop: usize) -> [usize; 3] {
    let bank = Bank::open(writer.library(), "things").unwrap();
    let options = TagOptions {
        min_prob: 0.0,
        top: 2,
        temperature: 0.1,
    };
    let outcome = tag(writer, &bank, &options, &Stop(Cell::new(stop))).unwrap();
    [outcome.compared, outcome.extended, outcome.unchanged]
}

fn all(writer: &LibraryWriter) -> Vec<(ItemId, Vec<Prediction>)> {
    let bank = Bank::open(writer.library(), "things").unwrap();
    let encoder = writer.model().identity();
    let stored = StoredTags::open(writer.library(), bank, encoder).unwrap().unwrap();
    let photos = stored.photos(writer.library()).unwrap();
    photos.map(Result::unwrap).collect()
}

#[test]
fn a_run_goes_on_where_the_last_one_ended_whatever_labels_came_between() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = LibraryWriter::open(&dir.path().join("library"), Some("starter"), "starter").unwrap();
    add_photos(&mut writer);
    add_labels(&mut writer, dir.path(), "cat\ndog\n");
    let first = run(&mut writer, 1);
    assert!(first[0] > 0 && first[0] < PHOTOS as usize, "{first:?}");

    // Those that were compared lack the new labels, the others all.
    add_labels(&mut writer, dir.path(), "cat\ndog\ncar\nbus\n");
    let second = run(&mut writer, usize::MAX);
    assert_eq!(second, [PHOTOS as usize - first[0], first[0], 0]);
    assert_eq!(run(&mut writer, usize::MAX), [0, 0, PHOTOS as usize]);
    let resumed = all(&writer);

    // What the same comes to without an interruption.
    let index = writer.index_mut();
    let space = index.index().space("tags:things").unwrap().unwrap();
    index.drop_space(space.id).unwrap();
    assert_eq!(run(&mut writer, usize::MAX), [PHOTOS as usize, 0, 0]);
    let whole = all(&writer);
    assert_eq!(resumed.len(), whole.len());
    for ((photo, resumed), (same, whole)) in resumed.iter().zip(&whole) {
        assert_eq!(photo, same);
        for (a, b) in resumed.iter().zip(whole) {
            assert_eq!((a.label, a.cosine), (b.label, b.cosine), "photograph {photo}");
            assert!((a.probability - b.probability).abs() < 1e-5, "photograph {photo}");
        }
    }
}
