//! Progress for programs.

use std::fs;

use serde_json::Value;

use crate::output::{golden, settled};
use crate::sandbox::{Sandbox, counts};

/// The events of a run; nothing else is on standard error.
fn events(stderr: &str) -> Vec<Value> {
    stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_an_interface() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "coffee-cup.jpg"]);
    fs::write(sandbox.photo("broken.jpg"), b"not a photograph").unwrap();
    let run = sandbox.run(["index", "photos", "nowhere", "--json-progress"]);
    assert_eq!(run.code, Some(2), "there is one directory that is not");
    let mut events = events(&run.stderr);
    // A slow machine commits what there is more than once; the last progress has the sums.
    let is_progress = |event: &Value| event["event"] == "progress";
    let last = events.iter().rposition(is_progress).unwrap();
    let mut number = 0;
    events.retain(|event| {
        number += 1;
        !is_progress(event) || number == last + 1
    });
    for event in events.iter_mut().filter(|event| is_progress(event)) {
        assert!(event["per_second"].as_f64() > Some(0.0), "{event}");
        event["per_second"] = 0.into();
    }
    let lines: String = events
        .iter()
        .map(|event| settled(&sandbox, &event.to_string()))
        .collect();
    golden("index-progress.jsonl-pretty", &lines);
    assert_eq!(
        run.stdout, "photos: 2 added, 1 failed\n",
        "results are where they are without it"
    );
}

#[test]
fn errors_are_events_too() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["index", "--json-progress"]);
    assert_eq!(run.code, Some(2));
    let events = events(&run.stderr);
    assert_eq!((events.len(), &events[0]["event"]), (1, &"error".into()));
    assert!(events[0]["message"].as_str().unwrap().contains("no library"));
}

#[test]
fn batches_of_any_size_by_any_number_of_threads_come_to_the_same() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "coffee-cup.jpg", "dress-1.jpg"]);
    fs::copy(sandbox.photo("cat.jpg"), sandbox.photo("again.jpg")).unwrap();
    let mut exports = Vec::new();
    for (jobs, batch_size) in [("1", "1"), ("2", "2"), ("7", "100")] {
        let run = sandbox.run(["index", "photos", "--json", "--jobs", jobs, "--batch-size", batch_size]);
        let summary = serde_json::from_str::<Value>(&run.stdout).unwrap()[0].take();
        assert_eq!(counts(&summary), [("added", 3), ("copied", 1)]);
        let mut lines: Vec<String> = sandbox
            .ok(["export", "--no-vectors"])
            .lines()
            .map(|line| line.split_once("\"key\"").unwrap().1.to_owned())
            .collect();
        lines.sort();
        exports.push(lines);
        fs::remove_dir_all(sandbox.library()).unwrap();
    }
    assert!(exports.iter().all(|export| *export == exports[0]), "{exports:?}");
    for wrong in [
        ["--jobs", "0"],
        ["--batch-size", "0"],
        ["--max-pixels", "0"],
        ["--watch", "--json"],
    ] {
        let run = sandbox.run(["index", "photos"].iter().chain(&wrong));
        assert_eq!(run.code, Some(2), "{wrong:?}");
    }
}
