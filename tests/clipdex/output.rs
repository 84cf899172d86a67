//! The machine formats are an interface: golden files hold them still. `GOLDEN=write` writes the files anew.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

const NAMES: [&str; 3] = ["cat.jpg", "coffee-cup.jpg", "dress-1.jpg"];

/// Compares with tests/clipdex/golden/NAME.
pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clipdex/golden")
        .join(name);
    if std::env::var_os("GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

/// Scores differ in their last digits between processors, and directories between runs.
fn settle(sandbox: &Sandbox, value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let rounded = (number.as_f64().unwrap() * 100.0).round() / 100.0;
            *value = Value::from(rounded);
        }
        Value::String(text) => *text = text.replace(sandbox.photos().to_str().unwrap(), "PHOTOS"),
        Value::Array(items) => items.iter_mut().for_each(|item| settle(sandbox, item)),
        Value::Object(fields) => fields.values_mut().for_each(|field| settle(sandbox, field)),
        _ => {}
    }
}

pub fn settled(sandbox: &Sandbox, text: &str) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    settle(sandbox, &mut value);
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}

/// The text with every decimal number cut to two digits.
fn cut_decimals(text: &str) -> String {
    let cut = |field: &str| match field.parse::<f64>() {
        Ok(number) if field.contains('.') => format!("{number:.2}"),
        _ => field.to_owned(),
    };
    let line = |line: &str| line.split(',').map(cut).collect::<Vec<_>>().join(",") + "\n";
    text.lines().map(line).collect()
}

#[test]
fn search_formats() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let search = |format: &str| sandbox.ok(["search", "a cat", format]);
    let paths = |text: String| text.replace(sandbox.photos().to_str().unwrap(), "PHOTOS");

    golden("search.json", &settled(&sandbox, &search("--json")));
    let lines: String = search("--jsonl").lines().map(|line| settled(&sandbox, line)).collect();
    golden("search.jsonl-pretty", &lines);
    golden("search.csv", &cut_decimals(&paths(search("--csv"))));
    golden("search.paths", &paths(search("--paths")));
    assert_eq!(search("-0"), search("--paths").replace('\n', "\0"));
    assert_eq!(
        search("--json").lines().count(),
        search("--json").trim_end().lines().count()
    );
}

#[test]
fn classify_formats() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let list = sandbox.file("list.tsv", "id\tname\nn1\ttabby cat\nn2\t\"espresso\", black\n");
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    let classify = |format: &str| sandbox.ok(["classify", "photos/cat.jpg", "--labels", "things", format]);
    golden("classify.json", &settled(&sandbox, &classify("--json")));
    golden("classify.jsonl-pretty", &settled(&sandbox, &classify("--jsonl")));
    let csv = classify("--csv");
    assert!(csv.contains("\"\"\"espresso\"\", black\""), "{csv}");
    assert_eq!(csv.lines().next(), Some("path,rank,id,name,probability,score"));
}

#[test]
fn people_see_a_table_and_programs_see_nothing_else() {
    let sandbox = Sandbox::with_samples(&NAMES);
    let run = sandbox.run(["index", "photos"]);
    assert_eq!(run.stdout, "photos: 3 added\n");
    assert!(
        run.stderr.lines().count() == 1 && run.stderr.contains("clipdex models pull"),
        "what a new library is made with, and no progress where standard error is no terminal: {}",
        run.stderr
    );
    assert_eq!(sandbox.run(["index", "photos"]).stderr, "");
    let table = sandbox.ok(["search", "a cat", "-k", "1"]);
    assert!(
        table.starts_with("  1  0.") && table.ends_with("  photos/cat.jpg\n"),
        "{table}"
    );
}

#[test]
fn status_tells_what_there_is() {
    let sandbox = Sandbox::with_samples(&NAMES);
    fs::write(sandbox.photo("broken.jpg"), b"not a photograph").unwrap();
    sandbox.index();
    let status = sandbox.json(["status", "--json"]);
    assert_eq!(status["photos"], 3);
    assert_eq!(status["failures"], 1);
    assert_eq!(status["model"], "starter");
    assert_eq!(status["roots"][0]["files"], 3);
    let text = sandbox.ok(["status"]);
    for word in ["starter", "3 photographs", "exact", "1 failure"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn help_tells_what_all_commands_have_from_what_one_has() {
    let help = Sandbox::new().ok(["similar", "--help"]);
    let (own, all) = help.split_once("\nOptions of all commands:\n").unwrap();
    for option in ["--library", "--model", "--precision", "--device", "--quiet"] {
        assert!(all.contains(option) && !own.contains(option), "{option}: {help}");
    }
    assert!(own.contains("--exact") && !all.contains("--exact"), "{help}");
}

#[test]
fn models_and_completions() {
    let sandbox = Sandbox::new();
    let models = sandbox.json(["models", "list", "--json"]);
    assert_eq!(models[0]["name"], "starter");
    assert_eq!(models[0]["dim"], 384);
    for shell in ["bash", "zsh", "fish"] {
        assert!(sandbox.ok(["completions", shell]).contains("classify"));
    }
}

#[test]
fn documents_tell_their_version_first() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let list = sandbox.file("list.txt", "cat\ndog\n");
    let list = list.to_str().unwrap();
    for args in [
        &["label", "add", "pets", list][..],
        &["label", "edit", "pets", "dog", "--definition", "barks"],
        &["label", "teach", "pets", "cat", "photos/cat.jpg"],
        &["label", "diff", "pets", list],
        &["status"],
        &["verify"],
        &["doctor"],
        &["compact"],
        &["models", "info", "starter"],
        &["models", "pull", "starter"],
        &["search", "cat"],
        &["classify", "photos/cat.jpg", "--labels", "pets"],
        &["tag", "--labels", "pets"],
    ] {
        let text = sandbox.run(args.iter().chain(&["--json"])).stdout;
        assert!(text.starts_with("{\n  \"schema\": 1,\n"), "{args:?}: {text}");
    }
}

#[test]
fn one_is_told_in_the_singular() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    fs::copy(sandbox.photo("cat.jpg"), sandbox.photo("copy.jpg")).unwrap();
    assert_eq!(sandbox.ok(["index", "photos"]), "photos: 1 added, 1 copy\n");
    let list = sandbox.file("list.txt", "cat\n");
    sandbox.ok(["label", "add", "pets", list.to_str().unwrap()]);
    assert!(sandbox.ok(["label", "list"]).starts_with("pets  1 label, "));
    let tagged = sandbox.ok(["tag", "--labels", "pets"]);
    assert!(tagged.starts_with("pets: 1 of 1 photograph tagged"), "{tagged}");
    sandbox.ok(["compact"]);
    assert_eq!(
        sandbox.ok(["compact"]),
        "nothing to do: 1 photograph is in one segment\n"
    );
}

#[test]
fn an_empty_setting_is_none() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let run = |variable: &str, value: &str, args: &[&str]| -> Run {
        sandbox
            .command()
            .env(variable, value)
            .args(args)
            .output()
            .unwrap()
            .into()
    };
    for variable in ["CLIPDEX_PRECISION", "CLIPDEX_DEVICE"] {
        let found = run(variable, "", &["search", "cat"]);
        assert_eq!(found.code, Some(0), "{variable}: {}", found.stderr);
        let junk = run(variable, "junk", &["search", "cat"]);
        assert!(junk.code == Some(2) && junk.stderr.contains("junk"), "{}", junk.stderr);
        assert_eq!(run(variable, "junk", &["completions", "bash"]).code, Some(0));
    }
    let library = sandbox.library();
    let given = run(
        "CLIPDEX_LIBRARY",
        "",
        &["status", "--library", library.to_str().unwrap()],
    );
    assert_eq!(given.code, Some(0), "{}", given.stderr);
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_enough_is_no_error() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    // One name under many identifiers is embedded once, so that a long bank is quick to make.
    let rows: String = (0..20_000).map(|id| format!("n{id}\tcat\n")).collect();
    let many = sandbox.file("many.tsv", &format!("id\tname\n{rows}"));
    sandbox.ok(["label", "add", "things", many.to_str().unwrap()]);
    for args in [
        "label show things",
        "label show things --json",
        "label export things",
        "label export things --format csv",
        "label export things --format jsonl",
        "classify photos/cat.jpg --labels things -k 20000 --csv",
        "completions bash",
        "completions zsh",
    ] {
        // What reads is gone before anything is written.
        let run = sandbox.script(&format!("set -o pipefail; {{ sleep 0.1; \"$0\" {args}; }} | true"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args}");
    }
    let run = sandbox.script("set -o pipefail; \"$0\" label show things | head -n 1");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    for args in [
        "search cat",
        "search cat --csv",
        "search cat --json",
        "completions bash",
    ] {
        let run = sandbox.script(&format!("\"$0\" {args} >/dev/full"));
        assert_eq!(run.code, Some(2), "{args}");
        let told = run.stderr.strip_prefix("clipdex: cannot write standard output: ");
        assert!(
            told.is_some_and(|told| told.lines().count() == 1),
            "{args}: {}",
            run.stderr
        );
    }
}
