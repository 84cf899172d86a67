//! `clipdex index` is killed at any moment, again and again, while the directory changes: what it committed stays,
//! nothing is there twice, and in the end the library is what it would be had nothing happened. So are `clipdex tag` and
//! `clipdex label edit`. `CLIPDEX_KILL_ROUNDS=500` kills more often.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use clipdex::library::{Library, LibraryError, bytes_to_path, verify};
use clipdex_index::{Mode, SearchParams};

use crate::recognition::with_things;
use crate::sandbox::{Sandbox, picture, sample};
use crate::tagging::{assert_same, tags_of};

const ROUNDS: u64 = 50;
/// Photographs at the beginning, and about as many at the end.
const PHOTOS: u64 = 60;

type Hash = [u8; 32];

/// What a library holds, whatever its numbers.
#[derive(Debug, Default, PartialEq)]
struct Content {
    files: BTreeMap<PathBuf, Hash>,
    /// What is known of each content.
    photos: BTreeMap<Vec<u8>, Vec<u8>>,
    vectors: BTreeMap<Vec<u8>, Vec<f32>>,
    failures: BTreeMap<PathBuf, (String, u64, i64)>,
}

#[test]
fn fifty_kills_lose_nothing() {
    let rounds = rounds();
    let sandbox = Sandbox::new();
    let mut change = Change::new(&sandbox);
    (0..PHOTOS).for_each(|_| change.add());
    fs::write(sandbox.photo("broken.png"), b"no picture").unwrap();
    let mut before = Content::default();
    let mut fuse = Fuse::new(400_000);
    for round in 0..rounds {
        let run = ["index", "photos", "--quiet", "--batch-size", "3"];
        kill_after(&sandbox, &run, fuse.delay(&mut change));
        let now = content(&sandbox, before == Content::default());
        for (path, hash) in &before.files {
            let still = fs::read(path).is_ok_and(|bytes| blake3::hash(&bytes) == *hash);
            assert!(
                !still || now.files.get(path) == Some(hash),
                "round {round}: {} is lost",
                path.display()
            );
        }
        fuse.burnt(now != before);
        before = now;
        for _ in 0..change.below(4) {
            change.any();
        }
    }
    fuse.assert_commits(rounds / 5);

    sandbox.ok(["index", "photos", "--quiet"]);
    let undisturbed = sandbox.photos().with_file_name("undisturbed");
    sandbox.ok(["index", "photos", "--quiet", "--library", undisturbed.to_str().unwrap()]);
    let (expected, found) = (content_of(&undisturbed, false), content(&sandbox, false));
    assert_eq!(expected.files.len(), change.present.len());
    assert_eq!(found.files, expected.files);
    assert_eq!(found.photos, expected.photos);
    assert_eq!(found.failures, expected.failures);
    for (key, vector) in &found.vectors {
        // Sums come out a little differently in batches of another size.
        let pairs = vector.iter().zip(&expected.vectors[key]);
        assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-3), "{key:?}");
    }
}

/// Tags are those of one temperature or of the other, never of both, and the next run completes them.
#[test]
fn a_killed_tagging_is_completed_by_the_next() {
    let sandbox = with_things(&["cat.jpg", "coffee-cup.jpg", "motorcycle.jpg"]);
    let run = |temperature| ["tag", "--labels", "things", "--temperature", temperature];
    let written = |temperature| {
        let rest = ["--min-prob", "0", "--export", "jsonl"];
        tags_of(&sandbox, run(temperature).iter().chain(&rest))
    };
    let temperatures = ["0.1", "0.5"];
    let expected = temperatures.map(written);
    let mut change = Change::new(&sandbox);
    let mut fuse = Fuse::new(100_000);
    for round in 0..rounds() / 2 {
        let which = round as usize % 2;
        kill_after(&sandbox, &run(temperatures[which]), fuse.delay(&mut change));
        let library = Library::open(&sandbox.library()).unwrap();
        let problems = verify(&library).unwrap();
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        drop(library);
        let summary = sandbox.json(run(temperatures[which]).iter().chain(&["--min-prob", "0", "--json"]));
        let [compared, unchanged] = ["compared", "unchanged"].map(|count| summary[count].as_u64().unwrap());
        assert!(
            matches!((compared, unchanged), (0, 3) | (3, 0)),
            "round {round}: {summary}"
        );
        assert_same(&written(temperatures[which]), &expected[which]);
        fuse.burnt(compared == 0);
    }
    fuse.assert_commits(1);
}

/// A label has its old name or its new one, and its examples with it.
#[test]
fn a_killed_rename_leaves_one_name_with_its_examples() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("pets.tsv", "name\tparents\ncat\t\nsiamese\tcat\ndog\t\n");
    sandbox.ok(["label", "add", "pets", list.to_str().unwrap()]);
    let image = sample("cat.jpg");
    sandbox.ok(["label", "teach", "pets", "cat", image.to_str().unwrap()]);
    let names = ["cat", "moggy"];
    let mut change = Change::new(&sandbox);
    let mut fuse = Fuse::new(100_000);
    let mut now = 0;
    for round in 0..rounds() / 2 {
        let rename = ["label", "edit", "pets", names[now], "--name", names[1 - now]];
        kill_after(&sandbox, &rename, fuse.delay(&mut change));
        let labels = sandbox.json(["label", "show", "pets", "--json"]);
        let labels = labels.as_array().unwrap();
        let has = |name: &str| labels.iter().any(|label| label["name"] == name);
        let there = match names.map(has) {
            [true, false] => 0,
            [false, true] => 1,
            _ => panic!("round {round}: {labels:?}"),
        };
        let shown = sandbox.json(["label", "show", "pets", names[there], "--json"]);
        assert_eq!(shown[0]["examples"].as_array().unwrap().len(), 1, "round {round}");
        let child = labels.iter().find(|label| label["name"] == "siamese").unwrap();
        assert_eq!(child["parents"][0], names[there], "round {round}");
        assert_eq!(labels.len(), 3, "round {round}");
        fuse.burnt(there != now);
        now = there;
    }
    fuse.assert_commits(1);
}

/// How long a run may go on before it is killed. Of a slow or busy machine more time is needed to come to a commit; half of
/// the kills are to come after one.
struct Fuse {
    longest_us: u64,
    commits: u64,
}

impl Fuse {
    fn new(longest_us: u64) -> Self {
        Self { longest_us, commits: 0 }
    }

    fn delay(&self, chance: &mut Change) -> Duration {
        Duration::from_micros(chance.below(self.longest_us))
    }

    fn burnt(&mut self, came_to_a_commit: bool) {
        self.commits += u64::from(came_to_a_commit);
        self.longest_us = if came_to_a_commit {
            self.longest_us * 4 / 5
        } else {
            self.longest_us * 5 / 4
        };
    }

    fn assert_commits(&self, least: u64) {
        let commits = self.commits;
        assert!(
            commits >= least,
            "only {commits} rounds came to a commit: too short to show anything"
        );
    }
}

fn rounds() -> u64 {
    env::var("CLIPDEX_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

fn kill_after(sandbox: &Sandbox, args: &[&str], delay: Duration) {
    let mut command = sandbox.command();
    let mut child = command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn content(sandbox: &Sandbox, may_lack: bool) -> Content {
    content_of(&sandbox.library(), may_lack)
}

/// What a library holds. It must agree with itself, and a search must give each photograph once. Until something was
/// committed the library `may_lack`: the program may have been killed in the middle of making it.
fn content_of(dir: &Path, may_lack: bool) -> Content {
    let mut content = Content::default();
    let library = match Library::open(dir) {
        Err(_) if may_lack => return content,
        opened => opened.unwrap(),
    };
    let problems = verify(&library).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    let images = match library.images() {
        Err(LibraryError::NoPhotos(_)) => return content,
        images => images.unwrap(),
    };
    let (index, mut ids, mut query) = (library.index(), BTreeSet::new(), None);
    for item in index.items(images.id) {
        let item = item.unwrap();
        let vector = index.vector(images.id, item.id).unwrap().unwrap();
        let twice = content.photos.insert(item.key.clone(), item.payload);
        assert!(twice.is_none(), "a content is there twice");
        content.vectors.insert(item.key, vector.clone());
        assert!(
            !index.files_of(images.id, item.id).unwrap().is_empty(),
            "a photograph without a file"
        );
        ids.insert(item.id);
        query.get_or_insert(vector);
    }
    let params = SearchParams {
        k: ids.len() + 10,
        mode: Mode::Exact,
        ..SearchParams::default()
    };
    let hits = query.map_or_else(Vec::new, |query| index.search(images.id, &query, &params).unwrap());
    assert_eq!(hits.len(), ids.len());
    assert_eq!(hits.iter().map(|hit| hit.id).collect::<BTreeSet<_>>(), ids);
    for (root, root_dir) in library.roots().unwrap() {
        for file in index.files(root) {
            let (relative, record) = file.unwrap();
            let path = root_dir.join(bytes_to_path(&relative).unwrap());
            assert!(
                content.files.insert(path, record.hash).is_none(),
                "a file is there twice"
            );
        }
        for failure in index.failures() {
            let (of, relative, record) = failure.unwrap();
            assert_eq!(of, root, "there is one root");
            let path = root_dir.join(bytes_to_path(&relative).unwrap());
            content
                .failures
                .insert(path, (record.reason, record.size, record.mtime_ns));
        }
    }
    content
}

/// Changes the photographs, the same way in every run of the test.
struct Change {
    photos: PathBuf,
    present: Vec<PathBuf>,
    numbers: u64,
    state: u64,
}

impl Change {
    fn new(sandbox: &Sandbox) -> Self {
        Self {
            photos: sandbox.photos(),
            present: Vec::new(),
            numbers: 0,
            state: 0x2545_f491_4f6c_dd1d,
        }
    }

    /// A number below `bound`: Marsaglia's xorshift.
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) % bound
    }

    fn name(&mut self) -> PathBuf {
        self.numbers += 1;
        let dir = self.photos.join(["a", "b", "a/c"][self.numbers as usize % 3]);
        fs::create_dir_all(&dir).unwrap();
        dir.join(format!("{}.png", self.numbers))
    }

    fn some(&mut self) -> usize {
        let count = self.present.len() as u64;
        self.below(count) as usize
    }

    fn add(&mut self) {
        let path = self.name();
        fs::write(&path, picture(self.numbers)).unwrap();
        self.present.push(path);
    }

    fn any(&mut self) {
        let (one, name) = (self.some(), self.name());
        let path = self.present[one].clone();
        match self.below(6) {
            0 => self.add(),
            1 => {
                fs::remove_file(path).unwrap();
                self.present.swap_remove(one);
            }
            2 => {
                fs::rename(path, &name).unwrap();
                self.present[one] = name;
            }
            3 => {
                fs::copy(path, &name).unwrap();
                self.present.push(name);
            }
            4 => fs::write(path, picture(self.numbers)).unwrap(),
            _ => fs::write(&path, fs::read(&path).unwrap()).unwrap(),
        }
    }
}
