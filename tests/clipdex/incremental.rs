use std::fs;
use std::time::{Duration, SystemTime};

use crate::sandbox::{Sandbox, counts, sample};

const NAMES: [&str; 3] = ["cat.jpg", "coffee-cup.jpg", "dress-1.jpg"];

#[test]
fn a_second_run_reads_nothing() {
    let sandbox = Sandbox::with_samples(&NAMES);
    assert_eq!(counts(&sandbox.index()), [("added", 3)]);
    assert_eq!(counts(&sandbox.index()), [("unchanged", 3)]);
}

#[test]
fn only_what_is_new_or_changed_is_embedded() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("shoes.jpg")).unwrap();
    fs::copy(sample("rocket-launch.jpg"), sandbox.photo("cat.jpg")).unwrap();
    assert_eq!(
        counts(&sandbox.index()),
        [("added", 1), ("unchanged", 2), ("updated", 1)]
    );
    let found = sandbox.ok(["search", "a rocket launch", "-k", "1", "--paths"]);
    assert!(found.ends_with("cat.jpg\n"), "{found}");
    let photos = sandbox.json(["status", "--json"])["photos"].as_u64();
    assert_eq!(photos, Some(4), "the old content of the changed file is gone");
}

#[test]
fn a_renamed_file_is_recognised() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::create_dir(sandbox.photo("deep")).unwrap();
    fs::rename(sandbox.photo("cat.jpg"), sandbox.photo("deep/tom.jpg")).unwrap();
    assert_eq!(counts(&sandbox.index()), [("renamed", 1), ("unchanged", 2)]);
    let found = sandbox.ok(["search", "a cat", "-k", "1", "--paths"]);
    assert!(found.ends_with("deep/tom.jpg\n"), "{found}");
}

#[test]
fn copies_share_one_vector_and_live_apart() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::copy(sandbox.photo("cat.jpg"), sandbox.photo("copy.jpg")).unwrap();
    assert_eq!(counts(&sandbox.index()), [("copied", 1), ("unchanged", 3)]);
    let answer = sandbox.json(["search", "a cat", "-k", "1", "--json"]);
    assert_eq!(answer["results"][0]["copies"].as_array().unwrap().len(), 1);

    fs::remove_file(sandbox.photo("cat.jpg")).unwrap();
    assert_eq!(counts(&sandbox.index()), [("removed", 1), ("unchanged", 3)]);
    let found = sandbox.ok(["search", "a cat", "-k", "1", "--paths"]);
    assert!(found.ends_with("copy.jpg\n"), "{found}");
}

#[test]
fn a_touched_file_is_not_embedded_again() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let file = fs::File::options().append(true).open(sandbox.photo("cat.jpg")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(1000))
        .unwrap();
    assert_eq!(counts(&sandbox.index()), [("unchanged", 3)]);
}

#[test]
fn what_is_gone_is_forgotten() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::remove_file(sandbox.photo("cat.jpg")).unwrap();
    assert_eq!(counts(&sandbox.index()), [("removed", 1), ("unchanged", 2)]);
    assert_eq!(sandbox.ok(["search", "a cat", "--paths"]).lines().count(), 2);
}

#[test]
fn an_emptied_directory_needs_a_word() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    for name in NAMES {
        fs::remove_file(sandbox.photo(name)).unwrap();
    }
    let refused = sandbox.run(["index", "photos"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--prune"), "{}", refused.stderr);
    assert_eq!(sandbox.json(["status", "--json"])["photos"], 3);

    fs::remove_dir(sandbox.photos()).unwrap();
    assert_eq!(
        sandbox.run(["index", "photos"]).code,
        Some(2),
        "a missing directory too"
    );
    let summary = sandbox.json(["index", "photos", "--prune", "--json"]);
    assert_eq!(summary[0]["removed"], 3);
}

#[test]
fn directories_may_overlap() {
    let sandbox = Sandbox::with_samples(&NAMES);
    fs::create_dir(sandbox.photo("sub")).unwrap();
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("sub/shoes.jpg")).unwrap();
    let sub = sandbox.json(["index", "photos/sub", "--json"]);
    assert_eq!(counts(&sub[0]), [("added", 1)]);
    assert_eq!(
        counts(&sandbox.index()),
        [("added", 3), ("unchanged", 1)],
        "what the inner directory had is taken over"
    );

    fs::remove_file(sandbox.photo("cat.jpg")).unwrap();
    let sub = sandbox.json(["index", "photos/sub", "--json"]);
    assert_eq!(
        counts(&sub[0]),
        [("unchanged", 1)],
        "a run on a part leaves the rest alone"
    );
    assert_eq!(sandbox.json(["status", "--json"])["photos"], 4);
    assert_eq!(counts(&sandbox.index()), [("removed", 1), ("unchanged", 3)]);
}
