use std::cell::Cell;
use std::fs;
#[cfg(unix)]
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::thread;
#[cfg(unix)]
use std::time::Duration;

use clipdex::labels::{Bank, BankWriter, LabelSource, RecipeChange, WorkProgress};
use clipdex::library::{Library, LibraryWriter};
use serde_json::json;

use crate::durability::{assert_whole, spawn_and_kill};
use crate::output::golden;
#[cfg(unix)]
use crate::sandbox::Run;
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
fn a_killed_run_goes_on_from_its_last_commit() {
    let sandbox = Sandbox::new();
    let names: String = (0..2500).map(|number| format!("thing {number}\n")).collect();
    let list = sandbox.file("list.txt", &names);
    let list = list.to_str().unwrap();
    let labels = || {
        let library = Library::open(&sandbox.library()).ok();
        let count = library.and_then(|library| Bank::open(&library, "things").ok()?.len(&library).ok());
        count.unwrap_or_default()
    };
    spawn_and_kill(&sandbox, &["label", "add", "things", list], || labels() > 0);
    let kept = labels();
    assert!(kept > 0);
    let outcome = sandbox.json(["label", "add", "things", list, "--json"]);
    assert_eq!(
        (&outcome["unchanged"], &outcome["added"]),
        (&json!(kept), &json!(2500 - kept))
    );
    let all = sandbox.json(["label", "show", "things", "--json"]);
    assert_eq!(
        (&all[0]["name"], &all[2499]["name"]),
        (&json!("thing 0"), &json!("thing 2499"))
    );
    assert_whole(&sandbox);
}

/// Is to stop when it was asked so many times.
struct Stop(Cell<usize>);

impl WorkProgress for Stop {
    fn planned(&self, _: usize) {}
    fn committed(&self, _: usize) {}
    fn cancelled(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

#[test]
fn a_bank_is_made_with_its_first_labels() {
    let sandbox = Sandbox::new();
    let names: String = (0..500).map(|number| format!("thing {number}\n")).collect();
    let source = LabelSource::File(sandbox.file("list.txt", &names));
    let mut writer = LibraryWriter::open(&sandbox.library(), None, "starter").unwrap();
    for asked in 0..3 {
        let stop = Stop(Cell::new(asked));
        let outcome = BankWriter::new(&mut writer).add("things", &source, &RecipeChange::default(), &stop);
        assert!(outcome.unwrap().interrupted);
        assert!(
            Bank::all(writer.library()).unwrap().is_empty(),
            "stopped after {asked} questions"
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_answered() {
    let sandbox = Sandbox::new();
    let names: String = (0..50_000).map(|number| format!("thing {number}\n")).collect();
    let list = sandbox.file("list.txt", &names);
    let mut command = sandbox.command();
    command.args(["label", "add", "things", list.to_str().unwrap()]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while Library::open(&sandbox.library()).is_err() {
        thread::sleep(Duration::from_millis(5));
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert_eq!(
        run.stderr.matches("a second Ctrl-C ends at once").count(),
        1,
        "{}",
        run.stderr
    );
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
fn every_layout_holds_the_same_labels() {
    let sandbox = Sandbox::new();
    let jsonl = concat!(
        r#"{"id":"n1","name":"crane","synonyms":["hoist","lift"],"definition":"a \"machine\"","parents":["n0"]}"#,
        "\n",
        r#"{"name":"our cat, Miso","prompts":["Miso, our cat","a cat called Miso"]}"#,
        "\n",
    );
    let source = sandbox.file("source.jsonl", jsonl);
    sandbox.ok(["label", "add", "mine", source.to_str().unwrap()]);
    let labels = sandbox.json(["label", "show", "mine", "--json"]);
    assert_eq!(labels[1]["prompts"], json!(["Miso, our cat", "a cat called Miso"]));
    for format in ["tsv", "csv", "jsonl"] {
        let file = sandbox.photos().with_file_name(format!("out.{format}"));
        let file = file.to_str().unwrap();
        sandbox.ok(["label", "export", "mine", "--format", format, "-o", file]);
        assert_eq!(sandbox.run(["label", "diff", "mine", file]).code, Some(0), "{format}");
        let again = sandbox.json(["label", "add", "mine", file, "--json"]);
        assert_eq!(
            (&again["unchanged"], &again["kept"]),
            (&json!(2), &json!(0)),
            "{format}"
        );
        let bank = format!("from-{format}");
        sandbox.ok(["label", "add", &bank, file]);
        assert_eq!(sandbox.json(["label", "show", &bank, "--json"]), labels, "{format}");
    }
    golden("label-export.tsv", &sandbox.ok(["label", "export", "mine"]));
}

#[test]
fn a_bank_is_compared_with_a_file() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.tsv", "id\tname\tdefinition\nn1\tcat\ta pet\n\tdog\t\n\temu\t\n");
    sandbox.ok(["label", "add", "pets", list.to_str().unwrap()]);
    let other = sandbox.file(
        "other.tsv",
        "id\tname\tdefinition\nn1\ttabby\tstriped\n\tdog\t\n\tfox\t\n",
    );
    let run = sandbox.run(["label", "diff", "pets", other.to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.stdout, "+ fox\n- emu\n~ tabby (n1): name, definition\n");
    let run = sandbox.run(["label", "diff", "pets", other.to_str().unwrap(), "--json"]);
    let source = other.to_str().unwrap();
    golden("label-diff.json", &run.stdout.replace(source, "SOURCE"));
    assert_eq!(sandbox.run(["label", "diff", "nothing", source]).code, Some(2));
}

#[test]
fn a_label_is_edited_in_its_place() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.tsv", "name\tparents\npet\t\ncat\tpet\ndog\tpet\n");
    sandbox.ok(["label", "add", "pets", list.to_str().unwrap()]);
    let edit = |args: &[&str]| sandbox.run(["label", "edit", "pets"].iter().chain(args));
    assert_eq!(
        edit(&[
            "cat",
            "--definition",
            "purrs",
            "--synonym",
            "kitty",
            "--synonym",
            "puss"
        ])
        .code,
        Some(0)
    );
    let cat = &sandbox.json(["label", "show", "pets", "cat", "--json"])[0];
    assert_eq!(
        (&cat["definition"], &cat["synonyms"]),
        (&json!("purrs"), &json!(["kitty", "puss"]))
    );
    assert_eq!(cat["texts"], json!(["a photo of a cat."]));
    assert_eq!(
        edit(&["cat", "--prompt", "a purring pet", "--synonym", ""]).code,
        Some(0)
    );
    let cat = &sandbox.json(["label", "show", "pets", "cat", "--json"])[0];
    assert_eq!(
        (&cat["texts"], &cat["synonyms"]),
        (&json!(["a purring pet"]), &json!([]))
    );

    assert_eq!(edit(&["Pet", "--name", "Pet"]).code, Some(0), "letters in other case");
    assert_eq!(edit(&["pet", "--name", "animal"]).code, Some(0));
    let labels = sandbox.json(["label", "show", "pets", "--json"]);
    assert_eq!(
        labels[0]["parents"],
        json!(["animal"]),
        "children follow a label without an identifier"
    );
    assert_eq!(labels.as_array().unwrap().len(), 3);
    for (args, word) in [
        (&["dog", "--name", "cat"][..], "already has"),
        (&["dog", "--name", " "][..], "empty"),
        (&["wolf", "--name", "dog"][..], "wolf"),
        (&["dog"][..], "--name"),
    ] {
        let run = edit(args);
        assert_eq!(run.code, Some(2), "{args:?}");
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
}

#[test]
fn a_recipe_reaches_the_labels_that_it_changes() {
    let sandbox = Sandbox::new();
    let tsv = "id\tname\tsynonyms\tdefinition\tparents\nn02012849\tcrane\t\ta bird\tn02000954\n\
               n03126707\tcrane\thoist\ta machine\tn03664675\nn1\tdog\t\t\t\n";
    let list = sandbox.file("list.tsv", tsv);
    let add = |extra: &[&str]| {
        let args = ["label", "add", "things", list.to_str().unwrap(), "--json"];
        let outcome = sandbox.json(args.iter().chain(extra));
        ["added", "updated", "unchanged"].map(|count| outcome[count].as_u64().unwrap())
    };
    let texts = || {
        let labels = sandbox.json(["label", "show", "things", "n02012849", "n03126707", "n1", "--json"]);
        labels
            .as_array()
            .unwrap()
            .iter()
            .map(|label| label["texts"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(add(&["--template", "a {}"]), [3, 0, 0]);
    assert_eq!(
        texts(),
        [
            json!(["a crane", "a crane (wading bird)"]),
            json!(["a crane", "a crane (lifting device)"]),
            json!(["a dog"])
        ]
    );
    assert_eq!(add(&["--senses", "off"]), [0, 2, 1], "only what changes is embedded");
    assert_eq!(add(&["--with", "synonyms"]), [0, 1, 2]);
    assert_eq!(texts()[1], json!(["a crane", "a hoist"]));
    assert_eq!(add(&["--with", "none", "--senses", "definition"]), [0, 2, 1]);
    assert_eq!(texts()[0], json!(["a crane", "a crane (a bird)"]));
    let own = sandbox.file("templates.txt", "one {}\n\ntwo {}\n");
    assert_eq!(add(&["--templates", own.to_str().unwrap()]), [0, 3, 0]);
    assert_eq!(texts()[2], json!(["one dog", "two dog"]));
    assert_eq!(add(&[]), [0, 0, 3]);
    let bank = &sandbox.json(["label", "list", "--json"])[0];
    assert_eq!(
        (&bank["templates"], &bank["senses"], &bank["with"]),
        (&json!(2), &json!("definition"), &json!("none"))
    );

    sandbox.ok(["label", "remove", "things", "n02012849"]);
    let machine = &sandbox.json(["label", "show", "things", "crane", "--json"])[0];
    assert_eq!(
        machine["texts"],
        json!(["one crane", "two crane"]),
        "nothing to be told from any more"
    );
    assert_eq!(add(&["--templates", "none"])[0], 1, "it comes back");

    let bad = sandbox.file("bad.txt", "one {}\ntwo\n");
    for (value, word) in [
        (bad.to_str().unwrap(), "line 2"),
        ("builtin:x", "imagenet-80"),
        ("missing.txt", "missing.txt"),
    ] {
        let run = sandbox.run(["label", "add", "things", list.to_str().unwrap(), "--templates", value]);
        assert_eq!(run.code, Some(2), "{value}");
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
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
