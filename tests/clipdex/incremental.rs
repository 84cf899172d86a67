//! Runs after the first: what has changed is found, and nothing else is done again.

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

#[test]
fn what_moves_to_another_root_is_not_embedded_again() {
    let sandbox = Sandbox::with_samples(&NAMES);
    let beside = |path: &str| sandbox.photos().with_file_name(path);
    for (dir, other) in [("a", "shoes-1.jpg"), ("z", "shoes-2.jpg")] {
        fs::create_dir(beside(dir)).unwrap();
        fs::copy(sample(other), beside(dir).join("other.jpg")).unwrap();
    }
    let (first, last) = (beside("a").join("cat.jpg"), beside("z").join("cat.jpg"));
    fs::rename(sandbox.photo("cat.jpg"), &first).unwrap();
    sandbox.ok(["index", "a", "photos", "z"]);

    // To a directory that comes later in the run, and to one that comes earlier.
    for (from, to, summaries) in [
        (&first, &last, [("unchanged", 1), ("unchanged", 2), ("renamed", 1)]),
        (&last, &first, [("renamed", 1), ("unchanged", 2), ("unchanged", 1)]),
    ] {
        fs::rename(from, to).unwrap();
        let reports = sandbox.json(["index", "--json"]);
        for (report, expected) in reports.as_array().unwrap().iter().zip(summaries) {
            assert!(counts(report).contains(&expected), "{reports}");
            assert!(report["removed"] == 0 && report["added"] == 0, "{reports}");
        }
        let found = sandbox.ok(["search", "a cat", "-k", "1", "--paths"]);
        assert_eq!(found.trim_end(), to.to_str().unwrap());
    }
}

#[test]
fn what_comes_back_is_found_again() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::rename(sandbox.photo("cat.jpg"), sandbox.file("away.jpg", "")).unwrap();
    assert_eq!(counts(&sandbox.index()), [("removed", 1), ("unchanged", 2)]);
    fs::rename(sandbox.photos().with_file_name("away.jpg"), sandbox.photo("cat.jpg")).unwrap();
    assert_eq!(counts(&sandbox.index()), [("added", 1), ("unchanged", 2)]);
    let found = sandbox.ok(["search", "a cat", "-k", "1", "--paths"]);
    assert!(found.ends_with("cat.jpg\n"), "{found}");
}

#[test]
fn a_file_becomes_a_directory_and_a_directory_a_file() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::remove_file(sandbox.photo("cat.jpg")).unwrap();
    fs::create_dir(sandbox.photo("cat.jpg")).unwrap();
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("cat.jpg/shoes.jpg")).unwrap();
    assert_eq!(
        counts(&sandbox.index()),
        [("added", 1), ("removed", 1), ("unchanged", 2)]
    );
    let found = sandbox.ok(["search", "shoes", "-k", "1", "--paths"]);
    assert!(found.ends_with("cat.jpg/shoes.jpg\n"), "{found}");

    fs::remove_dir_all(sandbox.photo("cat.jpg")).unwrap();
    fs::copy(sample("cat.jpg"), sandbox.photo("cat.jpg")).unwrap();
    assert_eq!(
        counts(&sandbox.index()),
        [("added", 1), ("removed", 1), ("unchanged", 2)]
    );
}

#[test]
fn photographs_that_change_places_stay_findable() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    // The cat loses its only name in one commit and gets another in a later one.
    fs::rename(sandbox.photo("cat.jpg"), sandbox.photo("zebra.jpg")).unwrap();
    fs::copy(sample("rocket-launch.jpg"), sandbox.photo("cat.jpg")).unwrap();
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("coffee-cup.jpg")).unwrap();
    let summary = sandbox.json(["index", "photos", "--json", "--batch-size", "1", "--jobs", "1"])[0].take();
    let done: u64 = counts(&summary).iter().map(|(_, count)| count).sum();
    assert_eq!((done, summary["updated"].as_u64()), (4, Some(2)), "{summary}");
    let found = sandbox.ok(["search", "a cat", "-k", "1", "--paths"]);
    assert!(found.ends_with("zebra.jpg\n"), "{found}");
    assert_eq!(sandbox.json(["status", "--json"])["photos"], 4);
    assert_eq!(counts(&sandbox.index()), [("unchanged", 4)]);
}

#[test]
fn a_directory_that_takes_in_an_older_root_is_refused_while_that_one_is_empty() {
    let sandbox = Sandbox::with_samples(&NAMES);
    fs::create_dir(sandbox.photo("drive")).unwrap();
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("drive/shoes.jpg")).unwrap();
    sandbox.ok(["index", "photos/drive"]);
    fs::remove_file(sandbox.photo("drive/shoes.jpg")).unwrap();
    let refused = sandbox.run(["index", "photos"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("drive'") && refused.stderr.contains("--prune"),
        "{}",
        refused.stderr
    );
    let summary = sandbox.json(["index", "photos", "--json", "--prune"])[0].take();
    assert_eq!(counts(&summary), [("added", 3), ("removed", 1)]);
}

#[test]
fn a_root_that_is_missing_says_what_to_do() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::rename(sandbox.photos(), sandbox.photos().with_file_name("elsewhere")).unwrap();
    for arguments in [&["index"][..], &["index", "photos"]] {
        let refused = sandbox.run(arguments);
        assert_eq!(refused.code, Some(2));
        assert!(
            refused.stderr.contains("3 of them") && refused.stderr.contains("mount"),
            "{}",
            refused.stderr
        );
    }
    // Under its new name the directory is another root, and its photographs are known.
    let moved = sandbox.json(["index", "elsewhere", "--json"])[0].take();
    assert_eq!(counts(&moved), [("copied", 3)]);
    sandbox.ok(["index", "photos", "--prune"]);
    assert_eq!(sandbox.json(["status", "--json"])["photos"], 3);
    sandbox.ok(["index"]);
}

#[test]
fn a_root_without_photographs_that_is_missing_can_be_forgotten() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    fs::create_dir(sandbox.photos().with_file_name("empty")).unwrap();
    sandbox.ok(["index", "empty"]);
    fs::remove_dir(sandbox.photos().with_file_name("empty")).unwrap();
    let refused = sandbox.run(["index"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("empty'") && refused.stderr.contains("--prune"),
        "{}",
        refused.stderr
    );
    sandbox.ok(["index", "--prune"]);
    sandbox.ok(["index"]);
}

#[test]
fn failures_wait_for_a_change_or_a_word() {
    let sandbox = Sandbox::with_samples(&NAMES);
    fs::write(sandbox.photo("broken.jpg"), b"no photograph").unwrap();
    assert_eq!(counts(&sandbox.index()), [("added", 3), ("failed", 1)]);
    let listed = sandbox.json(["status", "--failed", "--json"])["failed_files"][0].take();
    let state = fs::metadata(sandbox.photo("broken.jpg")).unwrap();
    let modified = state
        .modified()
        .unwrap()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(listed["size"], state.len());
    assert_eq!(listed["mtime_ns"], modified.as_nanos() as u64);
    assert_eq!(listed["transient"], false);
    assert!(listed["failed_at_unix"].as_i64() >= Some(modified.as_secs() as i64));

    assert_eq!(counts(&sandbox.index()), [("failed_before", 1), ("unchanged", 3)]);
    let again = sandbox.json(["index", "photos", "--json", "--retry-failed"])[0].take();
    assert_eq!(counts(&again), [("failed", 1), ("unchanged", 3)]);

    // A limit that is raised is no change of the file.
    let small = sandbox.json(["index", "photos", "--json", "--retry-failed", "--max-pixels", "9"])[0].take();
    assert_eq!(counts(&small), [("failed", 1), ("unchanged", 3)]);
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("broken.jpg")).unwrap();
    let small = sandbox.json(["index", "photos", "--json", "--max-pixels", "9"])[0].take();
    assert_eq!(counts(&small), [("failed", 1), ("unchanged", 3)]);
    assert_eq!(counts(&sandbox.index()), [("failed_before", 1), ("unchanged", 3)]);
    let again = sandbox.json(["index", "photos", "--json", "--retry-failed"])[0].take();
    assert_eq!(counts(&again), [("added", 1), ("unchanged", 3)]);
    assert_eq!(sandbox.json(["status", "--json"])["failures"], 0);
}
