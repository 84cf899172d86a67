use std::fs;

use crate::sandbox::{Sandbox, sample};

#[test]
fn pictures_are_recognised_out_of_a_bank() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let list = sandbox.file("things.txt", "tabby cat\nmotorcycle\nespresso\nlaunch pad\n");
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    let (cycle, cup) = (sample("motorcycle.jpg"), sample("coffee-cup.jpg"));
    let images = ["photos/cat.jpg", cycle.to_str().unwrap(), cup.to_str().unwrap()];
    let args = ["classify", "--labels", "things", "--json", "-k", "4"];
    let answer = sandbox.json(args.iter().chain(&images));
    for (i, name) in ["tabby cat", "motorcycle", "espresso"].iter().enumerate() {
        let predictions = answer["images"][i]["predictions"].as_array().unwrap();
        assert_eq!(predictions[0]["name"], *name);
        let total: f64 = predictions.iter().map(|row| row["probability"].as_f64().unwrap()).sum();
        assert!((total - 1.0).abs() < 1e-4, "all labels together are certain: {total}");
    }
    let fewer = sandbox.json(["classify", "photos/cat.jpg", "--labels", "things", "--json", "-k", "1"]);
    let all = &answer["images"][0]["predictions"][0]["probability"];
    assert_eq!(
        &fewer["images"][0]["predictions"][0]["probability"], all,
        "k does not change a probability"
    );
}

#[test]
fn adding_again_embeds_only_what_is_new() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.txt", "cat\ndog\n");
    let add = |extra: &[&str]| {
        let args = ["label", "add", "pets", list.to_str().unwrap(), "--json"];
        let outcome = sandbox.json(args.iter().chain(extra));
        ["added", "updated", "unchanged", "kept"].map(|count| outcome[count].as_u64().unwrap())
    };
    assert_eq!(add(&[]), [2, 0, 0, 0]);
    assert_eq!(add(&[]), [0, 0, 2, 0]);
    fs::write(&list, "dog\nhamster\n").unwrap();
    assert_eq!(add(&[]), [1, 0, 1, 1]);
    assert_eq!(add(&["--template", "a drawing of a {}"]), [0, 2, 0, 1]);
    assert_eq!(add(&[]), [0, 0, 2, 1], "the bank keeps its template");
    let banks = sandbox.json(["label", "list", "--json"]);
    assert_eq!(banks[0]["labels"], 3);
    assert_eq!(banks[0]["template"], "a drawing of a {}");
}

#[test]
fn columns_are_kept() {
    let sandbox = Sandbox::new();
    let tsv = "id\tname\tsynonyms\tdefinition\tparents\nn1\tcrane\t\ta bird\tn0\nn2\tcrane\thoist|lift\ta machine\t\n";
    let list = sandbox.file("list.tsv", tsv);
    sandbox.ok(["label", "add", "cranes", list.to_str().unwrap()]);
    let labels = sandbox.json(["label", "show", "cranes", "--json"]);
    assert_eq!(labels.as_array().unwrap().len(), 2, "one name, two meanings");
    assert_eq!(labels[1]["synonyms"], serde_json::json!(["hoist", "lift"]));
    assert_eq!(labels[0]["parents"], serde_json::json!(["n0"]));
}

#[test]
fn labels_and_banks_go_away() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.txt", "cat\ndog\nhamster\n");
    sandbox.ok(["label", "add", "pets", list.to_str().unwrap()]);
    sandbox.ok(["label", "remove", "pets", "dog"]);
    assert_eq!(sandbox.ok(["label", "show", "pets"]), "cat\nhamster\n");
    let missing = sandbox.run(["label", "remove", "pets", "wolf"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("wolf"));
    sandbox.ok(["label", "remove", "pets"]);
    assert_eq!(sandbox.run(["label", "list"]).code, Some(1));
    let gone = sandbox.run(["classify", "x.jpg", "--labels", "pets"]);
    assert_eq!(gone.code, Some(2));
    assert!(gone.stderr.contains("label add"), "the remedy: {}", gone.stderr);
}

#[test]
fn bad_label_files_are_explained() {
    let sandbox = Sandbox::new();
    let empty = sandbox.file("empty.txt", "\n\n");
    let headless = sandbox.file("headless.tsv", "n1\tcat\n");
    for (bank, file, word) in [
        ("a", empty.to_str().unwrap(), "no labels"),
        ("a", headless.to_str().unwrap(), "line 1"),
        ("a", "missing.txt", "missing.txt"),
        ("a", "builtin:coco", "builtin:imagenet-1k"),
        ("a/b", empty.to_str().unwrap(), ""),
    ] {
        let run = sandbox.run(["label", "add", bank, file]);
        assert_eq!(run.code, Some(2), "{file}");
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
}
