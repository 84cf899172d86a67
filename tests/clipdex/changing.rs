//! A library changes its model: it answers as before until everything is embedded anew.

use std::fs;
use std::path::{Path, PathBuf};

use clipdex::library::Library;
use serde_json::{Value, json};

use crate::durability::{assert_whole, many, spawn_and_kill};
use crate::sandbox::{Sandbox, counts};

/// A CLIP model of random weights with 32 dimensions, and a tokenizer of five words.
pub fn small_model(sandbox: &Sandbox) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip-gelu");
    let to = sandbox.photos().with_file_name("small");
    fs::create_dir(&to).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [598], "tokens": ["<s>"]},
                               "</s>": {"id": "</s>", "ids": [599], "tokens": ["</s>"]}}
        },
        "model": {
            "type": "WordLevel",
            "vocab": {"photo": 1, "cat": 2, "dress": 3, "rocket": 4, "<unk>": 5, "<s>": 598, "</s>": 599},
            "unk_token": "<unk>"
        }
    });
    fs::write(to.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    to
}

fn labels_of(sandbox: &Sandbox) -> Value {
    sandbox.json(["label", "show", "things", "--json"])
}

#[test]
fn everything_is_embedded_anew_and_nothing_else_changes() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg", "rocket-launch.jpg"]);
    fs::copy(sandbox.photo("cat.jpg"), sandbox.photo("copy.jpg")).unwrap();
    small_model(&sandbox);
    let list = sandbox.file("list.txt", "rocket\ncat\ndress\n");
    sandbox.ok(["index", "photos"]);
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    let (labels, starter) = (labels_of(&sandbox), sandbox.json(["status", "--json"]));

    let summary = sandbox.json(["index", "--model", "small", "--json"]);
    assert_eq!(counts(&summary[0]), [("unchanged", 4)], "{summary}");
    let status = sandbox.json(["status", "--json"]);
    assert_eq!(status["dim"], 32);
    assert!(status["model"].as_str().unwrap().ends_with("small"));
    for same in ["photos", "roots", "banks", "failures"] {
        assert_eq!(status[same], starter[same], "{same}");
    }
    assert_eq!(labels_of(&sandbox), labels, "labels keep their order");
    let found = sandbox.ok(["similar", "photos/copy.jpg", "--paths", "-k", "9"]);
    assert_eq!(found.lines().count(), 2);
    assert_eq!(sandbox.ok(["search", "photo", "--paths", "-k", "9"]).lines().count(), 3);
    let kinds = sandbox.json(["classify", "photos/cat.jpg", "--labels", "things", "--json"]);
    assert_eq!(
        kinds["images"][0]["predictions"].as_array().map(Vec::len),
        Some(3),
        "{kinds}"
    );
    assert_whole(&sandbox);

    sandbox.ok(["index", "--model", "starter"]);
    let back = sandbox.json(["status", "--json"]);
    assert_eq!(
        (&back["model"], &back["photos"]),
        (&starter["model"], &starter["photos"])
    );
    let best = sandbox.ok(["search", "a rocket launch", "--paths", "-k", "1"]);
    assert!(best.ends_with("rocket-launch.jpg\n"), "{best}");
}

#[test]
fn a_photograph_that_is_missing_keeps_the_library_with_its_model() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    small_model(&sandbox);
    sandbox.ok(["index", "photos"]);
    fs::rename(sandbox.photo("cat.jpg"), sandbox.library().join("away.jpg")).unwrap();
    let run = sandbox.run(["index", "photos", "--model", "small"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("cat.jpg") && run.stderr.contains("--prune"),
        "{}",
        run.stderr
    );
    let status = sandbox.json(["status", "--json"]);
    assert_eq!(
        (status["dim"].as_u64(), status["change"]["photos"].as_u64()),
        (Some(384), Some(1))
    );
    assert!(
        sandbox
            .ok(["search", "a cat", "--paths", "-k", "1"])
            .ends_with("cat.jpg\n")
    );

    fs::rename(sandbox.library().join("away.jpg"), sandbox.photo("cat.jpg")).unwrap();
    let run = sandbox.run(["index", "photos"]);
    assert!(run.stderr.contains("not finished"), "{}", run.stderr);
    sandbox.ok(["index", "photos", "--model", "starter"]);
    assert_eq!(sandbox.json(["status", "--json"])["change"], Value::Null, "given up");

    fs::remove_file(sandbox.photo("cat.jpg")).unwrap();
    sandbox.ok(["index", "photos", "--model", "small", "--prune"]);
    let status = sandbox.json(["status", "--json"]);
    assert_eq!((status["dim"].as_u64(), status["photos"].as_u64()), (Some(32), Some(1)));
    assert_whole(&sandbox);
}

#[test]
fn a_drive_that_is_not_mounted_stops_the_change_before_it_begins() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    small_model(&sandbox);
    sandbox.ok(["index", "photos"]);
    let list = sandbox.file("list.txt", "rocket\n");
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    fs::rename(sandbox.photos(), sandbox.photos().with_file_name("away")).unwrap();
    let run = sandbox.run(["index", "--model", "small", "--json"]);
    assert_eq!(run.code, Some(2));
    assert!(!run.stdout.contains("labels"), "{}", run.stdout);
    assert!(run.stderr.contains("mount"), "{}", run.stderr);
    assert_eq!(sandbox.json(["status", "--json"])["dim"], 384);
}

#[test]
fn a_killed_change_answers_as_before_and_goes_on_later() {
    let sandbox = many();
    small_model(&sandbox);
    sandbox.ok(["index", "photos", "--model", "small"]);
    let done = || {
        let library = Library::open(&sandbox.library()).unwrap();
        library.pending_change().unwrap().map_or(0, |change| change.done)
    };
    spawn_and_kill(&sandbox, &["index", "--model", "starter"], || done() > 0);
    assert_whole(&sandbox);
    let kept = done();
    assert!(kept > 0);
    assert_eq!(sandbox.json(["status", "--json"])["dim"], 32);
    assert_eq!(sandbox.ok(["search", "photo", "--paths", "-k", "3"]).lines().count(), 3);

    // Photographs that came and went while the change waited.
    fs::copy(crate::sandbox::sample("cat.jpg"), sandbox.photo("cat.jpg")).unwrap();
    fs::remove_file(sandbox.photo("000.jpg")).unwrap();
    fs::remove_file(sandbox.photo("119.jpg")).unwrap();
    sandbox.ok(["index", "photos", "--quiet"]);
    sandbox.ok(["index", "--model", "starter"]);
    let status = sandbox.json(["status", "--json"]);
    assert_eq!(
        (status["dim"].as_u64(), status["photos"].as_u64()),
        (Some(384), Some(119))
    );
    assert_eq!(status["change"], Value::Null);
    assert_whole(&sandbox);
}
