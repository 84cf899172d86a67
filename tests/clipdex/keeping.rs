//! Looking after a library: compact, verify, doctor, export.

use std::fs;
use std::path::PathBuf;

use clipdex::library::LibraryWriter;
use clipdex_index::SealOptions;
use serde_json::Value;

use crate::output::{golden, settled};
use crate::sandbox::{Sandbox, sample};

const NAMES: [&str; 4] = ["cat.jpg", "coffee-cup.jpg", "dress-1.jpg", "dress-2.jpg"];

/// A library whose photographs are in a segment with a graph.
fn sealed() -> Sandbox {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    seal_all(&sandbox);
    sandbox
}

/// Puts every space into a segment with a graph.
fn seal_all(sandbox: &Sandbox) {
    let mut writer = LibraryWriter::open(&sandbox.library(), None, "starter").unwrap();
    let options = SealOptions {
        graph_min_items: 1,
        threads: None,
    };
    let writer = writer.index_mut();
    for space in writer.index().spaces().unwrap() {
        writer.seal(&space, &options).unwrap();
    }
}

fn segment(sandbox: &Sandbox) -> PathBuf {
    let mut files = fs::read_dir(sandbox.library().join("segments")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// Flips a bit in the middle of every segment.
fn damage(sandbox: &Sandbox) {
    for file in fs::read_dir(sandbox.library().join("segments")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn compacting_puts_everything_into_one_segment() {
    let sandbox = Sandbox::with_samples(&NAMES);
    assert_eq!(sandbox.run(["compact"]).code, Some(2), "there is no library");
    sandbox.index();
    let before = sandbox.ok(["search", "a cat"]);
    golden(
        "compact.json",
        &settled(&sandbox, &without_bytes(&sandbox.ok(["compact", "--json"]))),
    );
    assert_eq!(
        sandbox.ok(["compact"]),
        "nothing to do: 4 photographs are in one segment\n"
    );
    assert_eq!(sandbox.ok(["search", "a cat"]), before);
    let status = sandbox.json(["status", "--json"]);
    assert_eq!(status["segments"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&status["segments"][0]["photos"], &status["unsealed"]),
        (&4.into(), &0.into())
    );
}

/// Sizes of files are not part of the format.
fn without_bytes(text: &str) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    value["bytes"] = 0.into();
    value.to_string()
}

#[test]
fn verify_notices_damage_and_repairs_it() {
    let sandbox = sealed();
    assert_eq!(sandbox.ok(["verify"]), "the library agrees with itself\n");
    let before = sandbox.ok(["search", "a dress"]);
    damage(&sandbox);
    let path = segment(&sandbox);
    let run = sandbox.run(["verify", "--json"]);
    assert_eq!(run.code, Some(2));
    let name = path.file_name().unwrap().to_str().unwrap();
    golden("verify.json", &settled(&sandbox, &run.stdout.replace(name, "NAME.seg")));
    let repaired = sandbox.ok(["verify", "--repair"]);
    assert!(repaired.contains("0 problems are left"), "{repaired}");
    assert_eq!(sandbox.ok(["verify"]), "the library agrees with itself\n");
    assert_eq!(sandbox.ok(["search", "a dress"]), before);
}

#[test]
fn the_segment_of_a_label_bank_is_repaired_too() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let list = sandbox.file("list.txt", "cat\ncup\ndress\n");
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    seal_all(&sandbox);
    let before = sandbox.ok(["classify", "--labels", "things", sample("cat.jpg").to_str().unwrap()]);
    damage(&sandbox);
    let report = sandbox.json(["doctor", "--json"]);
    assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(report["repaired"]["problems_left"], 0, "{report}");
    let after = sandbox.ok(["classify", "--labels", "things", sample("cat.jpg").to_str().unwrap()]);
    assert_eq!(after, before);
}

#[test]
fn the_doctor_repairs_and_measures() {
    let sandbox = sealed();
    damage(&sandbox);
    let report = sandbox.json(["doctor", "--json"]);
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
    assert_eq!(report["repaired"]["problems_left"], 0);
    assert_eq!(report["recall"], 1.0);
    assert!(
        sandbox
            .ok(["doctor"])
            .contains("searches find 100.0% of the nearest photographs")
    );
}

#[test]
fn status_measures_recall_when_it_is_asked_to() {
    let sandbox = sealed();
    let list = sandbox.file("list.txt", "cat\ncup\ndress\n");
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    let status = sandbox.json(["status", "--json", "--recall"]);
    assert_eq!(
        (&status["recall"]["photos"], &status["recall"]["labels"]),
        (&1.0.into(), &1.0.into())
    );
    assert!(sandbox.json(["status", "--json"])["recall"].is_null());
    let text = sandbox.ok(["status", "--recall"]);
    assert!(
        text.contains("recall    1.000 for photographs, 1.000 for labels"),
        "{text}"
    );
}

#[test]
fn how_far_a_search_looks_can_be_said() {
    let sandbox = sealed();
    let usual = sandbox.ok(["search", "a cat", "--paths"]);
    for option in [
        &["--exact"][..],
        &["--ef", "50"],
        &["--target-recall", "0.9"],
        &["--target-recall=1"],
    ] {
        let args = ["search", "a cat", "--paths"].iter().chain(option);
        assert_eq!(sandbox.ok(args), usual, "{option:?}");
    }
    for option in [
        &["--ef", "0"][..],
        &["--target-recall", "2"],
        &["--exact", "--ef", "9"],
        &["--target-recall", "x"],
    ] {
        let args = ["search", "a cat"].iter().chain(option);
        assert_eq!(sandbox.run(args).code, Some(2), "{option:?}");
    }
}

#[test]
fn export_writes_photographs_and_labels() {
    // One after the other, for the numbers of items to be the same in every run.
    let sandbox = Sandbox::with_samples(&NAMES[..1]);
    sandbox.index();
    fs::copy(sample(NAMES[1]), sandbox.photo(NAMES[1])).unwrap();
    sandbox.index();
    let list = sandbox.file("list.txt", "cat\ncup\n");
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    let lines: String = sandbox
        .ok(["export", "--no-vectors"])
        .lines()
        .map(|line| settled(&sandbox, line))
        .collect();
    golden("export.jsonl-pretty", &lines);
    let first: Value = serde_json::from_str(sandbox.ok(["export"]).lines().next().unwrap()).unwrap();
    assert_eq!(first["vector"].as_array().unwrap().len(), 384);
    assert_eq!(
        sandbox.ok(["export", "--salvage"]),
        sandbox.ok(["export"]),
        "nothing is damaged"
    );
}

#[test]
fn what_is_left_of_a_damaged_database_is_exported() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let whole = sandbox.ok(["export"]);
    let current = sandbox.library().join("db/CURRENT");
    fs::write(&current, b"nothing\n").unwrap();
    let run = sandbox.run(["search", "a cat"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("database"), "{}", run.stderr);
    assert_eq!(sandbox.run(["export"]).code, Some(2));
    assert_eq!(sandbox.ok(["export", "--salvage"]), whole);
    assert_eq!(
        fs::read(&current).unwrap(),
        b"nothing\n",
        "the library is left as it is"
    );
}

#[test]
fn where_the_database_cannot_be_read_that_alone_is_reported() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let tables = fs::read_dir(sandbox.library().join("db")).unwrap();
    let tables = tables.map(|entry| entry.unwrap().path());
    let tables = tables.filter(|path| path.extension().is_some_and(|end| end == "sst"));
    let largest = tables.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    bytes[100] ^= 1;
    fs::write(&largest, bytes).unwrap();
    for arguments in [&["verify"][..], &["verify", "--repair"]] {
        let run = sandbox.run(arguments);
        assert_eq!(run.code, Some(2));
        let (problems, remedy) = run.stdout.trim_end().rsplit_once('\n').unwrap();
        assert!(
            problems.lines().all(|problem| problem.contains("Corruption")),
            "{problems}"
        );
        assert!(remedy.contains("export --salvage"), "{remedy}");
    }
}
