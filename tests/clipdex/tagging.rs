//! `tag`, and what is done with tags.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::output::{golden, settled};
use crate::recognition::{THINGS, with_things};
use crate::sandbox::{Sandbox, sample};

const NAMES: [&str; 3] = ["cat.jpg", "coffee-cup.jpg", "motorcycle.jpg"];

fn tag(sandbox: &Sandbox, options: &[&str]) -> Value {
    let args = ["tag", "--labels", "things", "--temperature", "0.1", "--json"];
    sandbox.json(args.iter().chain(options))
}

fn counts(summary: &Value) -> [u64; 4] {
    ["compared", "extended", "unchanged", "removed"].map(|count| summary[count].as_u64().unwrap())
}

/// The tags of every file, by its name, as they are written.
fn tags(sandbox: &Sandbox, options: &[&str]) -> BTreeMap<String, Value> {
    let args = ["tag", "--labels", "things", "--temperature", "0.1", "--export", "jsonl"];
    tags_of(sandbox, args.iter().chain(options))
}

/// The tags of every file, by its name, as these arguments write them.
pub fn tags_of<'a>(sandbox: &Sandbox, args: impl IntoIterator<Item = &'a &'a str>) -> BTreeMap<String, Value> {
    let lines = sandbox.ok(args);
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|mut row| (row["path"].as_str().unwrap().to_owned(), row["tags"].take()))
        .collect()
}

fn found(sandbox: &Sandbox, conditions: &[&str]) -> Vec<String> {
    let mut args = vec!["search", "a photo", "--paths"];
    conditions
        .iter()
        .for_each(|condition| args.extend(["--where", condition]));
    let run = sandbox.run(args);
    assert!(matches!(run.code, Some(0 | 1)), "{}", run.stderr);
    let names = run
        .stdout
        .lines()
        .map(|path| path.rsplit('/').next().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn only_what_is_new_is_compared() {
    let sandbox = with_things(&NAMES);
    assert_eq!(counts(&tag(&sandbox, &[])), [3, 0, 0, 0]);
    assert_eq!(
        counts(&tag(&sandbox, &["--min-prob", "0.2"])),
        [0, 0, 3, 0],
        "a threshold compares nothing anew"
    );

    fs::copy(sample("dress-1.jpg"), sandbox.photo("dress-1.jpg")).unwrap();
    fs::remove_file(sandbox.photo("motorcycle.jpg")).unwrap();
    sandbox.index();
    assert_eq!(counts(&tag(&sandbox, &[])), [1, 0, 2, 1]);

    let more = sandbox.file("more.txt", "dress\nrocket\n");
    sandbox.ok(["label", "add", "things", more.to_str().unwrap()]);
    assert_eq!(counts(&tag(&sandbox, &[])), [0, 3, 0, 0]);
    let extended = tags(&sandbox, &["--min-prob", "0", "--top", "9"]);
    assert_eq!(extended.len(), 3);

    // Another temperature and back: everything is compared anew, and comes to the same.
    let warm = ["tag", "--labels", "things", "--temperature", "0.5", "--json"];
    assert_eq!(counts(&sandbox.json(warm)), [3, 0, 0, 0]);
    let anew = tags(&sandbox, &["--min-prob", "0", "--top", "9"]);
    assert_same(&extended, &anew);

    // A label that changes, and one that goes.
    let changed = sandbox.file("things.tsv", &THINGS.replace("\tdog\t", "\tgreat dane\t"));
    sandbox.ok(["label", "add", "things", changed.to_str().unwrap()]);
    assert_eq!(counts(&tag(&sandbox, &[])), [3, 0, 0, 0]);
    sandbox.ok(["label", "remove", "things", "rocket"]);
    assert_eq!(counts(&tag(&sandbox, &[])), [3, 0, 0, 0]);
    assert_eq!(counts(&tag(&sandbox, &[])), [0, 0, 3, 0]);
}

pub fn assert_same(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (file, tags) in a {
        let rows = tags.as_array().unwrap().iter().zip(b[file].as_array().unwrap());
        for (x, y) in rows {
            assert_eq!(x["id"], y["id"], "{file}");
            let [x, y] = [x, y].map(|row| row["probability"].as_f64().unwrap());
            assert!((x - y).abs() < 1e-5, "{file}: {x} {y}");
        }
    }
}

#[test]
fn tags_are_what_classify_says() {
    let sandbox = with_things(&NAMES);
    for (file, tags) in tags(&sandbox, &["--min-prob", "0", "--top", "3"]) {
        let args = [
            "classify",
            &file,
            "--labels",
            "things",
            "--temperature",
            "0.1",
            "-k",
            "3",
            "--json",
        ];
        let answer = sandbox.json(args);
        let predictions = answer["images"][0]["predictions"].as_array().unwrap();
        for (tag, prediction) in tags.as_array().unwrap().iter().zip(predictions) {
            assert_eq!(tag["id"], prediction["id"]);
            let [tag, prediction] = [tag, prediction].map(|row| row["probability"].as_f64().unwrap());
            assert!((tag - prediction).abs() < 1e-5, "{tag} {prediction}");
        }
    }
}

#[test]
fn photographs_are_found_by_their_tags_and_kinds_of_them() {
    let sandbox = with_things(&NAMES);
    let untagged = sandbox.run(["search", "a photo", "--where", "tag:cat"]);
    assert_eq!(untagged.code, Some(2));
    assert!(untagged.stderr.contains("clipdex tag"), "{}", untagged.stderr);

    tag(&sandbox, &[]);
    assert_eq!(found(&sandbox, &["tag:cat"]), ["cat.jpg"]);
    for name in ["tag:tabby cat", "tag:mouser", "tag:animal", "tag:pet", "tag:things/cat"] {
        assert_eq!(found(&sandbox, &[name]), ["cat.jpg"], "{name}");
    }
    assert_eq!(found(&sandbox, &["tag:vehicle"]), ["motorcycle.jpg"]);
    assert!(
        found(&sandbox, &["tag:crane"]).is_empty(),
        "a word of several meanings is a word"
    );
    assert!(
        found(&sandbox, &["tag:animal", "tag:vehicle"]).is_empty(),
        "all conditions hold"
    );
    let similar = sandbox.ok(["similar", "photos/cat.jpg", "--where", "tag:drink", "--paths"]);
    assert_eq!(similar.lines().count(), 1);

    let refused = |condition: &str| {
        let run = sandbox.run(["search", "a photo", "--where", condition]);
        assert_eq!(run.code, Some(2), "{condition}");
        run.stderr
    };
    assert!(refused("tag:unicorn").contains("'things'"));
    assert!(refused("colour:red").contains("tag:LABEL"));

    // A photograph's tags go with it, and a bank's with the bank.
    fs::remove_file(sandbox.photo("cat.jpg")).unwrap();
    sandbox.index();
    assert!(found(&sandbox, &["tag:cat"]).is_empty());
    sandbox.ok(["label", "remove", "things"]);
    assert!(refused("tag:cat").contains("no photograph is tagged"));
    assert!(
        !sandbox.ok(["export", "--no-vectors"]).contains("tags:"),
        "tags are no photographs"
    );
}

#[test]
fn tags_of_another_model_are_none() {
    let sandbox = with_things(&["cat.jpg"]);
    tag(&sandbox, &[]);
    crate::changing::small_model(&sandbox);
    sandbox.ok(["index", "--model", "small"]);
    let run = sandbox.run(["search", "photo", "--where", "tag:cat"]);
    assert!(run.stderr.contains("no photograph is tagged"), "{}", run.stderr);
    assert_eq!(counts(&tag(&sandbox, &[])), [1, 0, 0, 0]);
    crate::durability::assert_whole(&sandbox);
}

#[test]
fn tags_are_written_as_tables() {
    let sandbox = with_things(&NAMES);
    let args = ["tag", "--labels", "things", "--temperature", "0.1"];
    golden(
        "tag.json",
        &settled(&sandbox, &sandbox.ok(args.iter().chain(&["--json"]))),
    );
    let lines = sandbox.ok(args.iter().chain(&["--export", "jsonl"]));
    // Photographs come in the order in which they were decoded.
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    let lines: String = lines.into_iter().map(|line| settled(&sandbox, line)).collect();
    golden("tag.jsonl-pretty", &lines);
    let file = sandbox.library().with_file_name("tags.csv");
    let to_file = ["--export", "csv", "--out", file.to_str().unwrap()];
    assert_eq!(sandbox.ok(args.iter().chain(&to_file)), "");
    let csv = fs::read_to_string(file).unwrap();
    assert_eq!(csv.lines().next(), Some("path,rank,id,name,probability"));
    assert!(csv.contains("photos/cat.jpg,1,cat,tabby cat,"), "{csv}");
    let table = sandbox.ok(args);
    assert!(
        table.starts_with("things: 3 of 3 photographs tagged; 0 compared, 3 unchanged\n"),
        "{table}"
    );
}

#[test]
fn sidecars_stand_beside_photographs_that_stay_as_they_are() {
    let sandbox = with_things(&NAMES);
    let before = fs::read(sandbox.photo("cat.jpg")).unwrap();
    let out = sandbox.photos();
    let foreign = sandbox.photo("motorcycle.jpg.xmp");
    fs::write(&foreign, "<x:xmpmeta x:xmptk=\"somebody\"/>").unwrap();
    let args = ["tag", "--labels", "things", "--temperature", "0.1", "--export", "xmp"];
    let args: Vec<_> = args.iter().copied().chain(["--out", out.to_str().unwrap()]).collect();
    let run = sandbox.run(&args);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    assert!(
        run.stderr.contains("motorcycle.jpg.xmp") && run.stderr.contains("--force"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read(sandbox.photo("cat.jpg")).unwrap(), before);
    assert!(fs::read_to_string(&foreign).unwrap().contains("somebody"));
    let sidecar = fs::read_to_string(sandbox.photo("cat.jpg.xmp")).unwrap();
    assert!(sidecar.contains("<rdf:li>tabby cat</rdf:li>") && sidecar.contains("<rdf:li>animal|tabby cat</rdf:li>"));

    // So warm that nothing is likely.
    let unlikely: Vec<_> = args.iter().map(|arg| if *arg == "0.1" { "100" } else { arg }).collect();
    let run = sandbox.run(unlikely.iter().chain(&["--min-prob", "0.9"]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("2 removed"), "{}", run.stderr);
    assert!(!sandbox.photo("cat.jpg.xmp").exists() && foreign.exists());

    sandbox.ok(args.iter().chain(&["--force"]));
    assert!(
        fs::read_to_string(&foreign)
            .unwrap()
            .contains("<rdf:li>motorcycle</rdf:li>")
    );
    assert_eq!(
        sandbox.run(["tag", "--labels", "things", "--export", "xmp"]).code,
        Some(2),
        "--out is needed"
    );
}

#[test]
fn labels_are_suggested_for_the_photographs() {
    let sandbox = with_things(&NAMES);
    let file = sandbox.library().with_file_name("mine.tsv");
    let nothing = sandbox.run(["label", "suggest"]);
    assert!(nothing.stderr.contains("builtin:wordnet-nouns"), "{}", nothing.stderr);
    let args = [
        "label",
        "suggest",
        "--from",
        "things",
        "-n",
        "4",
        "--json",
        "-o",
        file.to_str().unwrap(),
    ];
    let found = sandbox.json(args);
    assert_eq!(
        (&found["photos"], &found["covered"]),
        (&Value::from(3), &Value::from(3)),
        "{found}"
    );
    let names: Vec<_> = found["suggestions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["name"])
        .collect();
    for name in ["tabby cat", "espresso", "motorcycle"] {
        assert!(names.contains(&&Value::from(name)), "{name}: {found}");
    }
    sandbox.ok(["label", "add", "mine", file.to_str().unwrap()]);
    assert_eq!(sandbox.ok(["label", "show", "mine"]).lines().count(), names.len());
    let table = sandbox.ok(["label", "suggest", "--from", "things"]);
    assert!(table.contains("photos/cat.jpg"), "{table}");
}
