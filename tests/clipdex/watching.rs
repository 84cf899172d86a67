//! `clipdex index --watch` follows what happens in a directory.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::{Sandbox, sample};

/// Far more than it takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that watches; stopped in the end.
struct Watching {
    child: Child,
    events: Lines<BufReader<ChildStderr>>,
}

impl Watching {
    fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command();
        command.args(["index", "photos", "--watch", "--json-progress"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, events }
    }

    /// Waits for the end of a run that did something, and gives its summary.
    fn next(&mut self) -> Value {
        loop {
            let line = self.events.next().unwrap().unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            assert_ne!(event["event"], "error", "{event}");
            let did = ["added", "updated", "renamed", "copied", "removed"];
            if event["event"] == "finished" && did.iter().any(|what| event[what] != 0) {
                return event;
            }
        }
    }

    #[cfg(unix)]
    fn stop(mut self) -> Option<i32> {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("bash").args(["-c", &kill]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the library holds so many photographs.
fn wait_for(sandbox: &Sandbox, photos: u64) {
    let start = Instant::now();
    while sandbox.json(["status", "--json"])["photos"] != photos {
        assert!(start.elapsed() < PATIENCE, "{photos} photographs do not come");
        thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(unix)]
#[test]
fn changes_are_taken_in_as_they_come() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let mut watching = Watching::start(&sandbox);
    assert_eq!(watching.next()["added"], 1);

    fs::create_dir(sandbox.photo("new")).unwrap();
    fs::copy(sample("shoes-1.jpg"), sandbox.photo("new/shoes.jpg")).unwrap();
    assert_eq!(watching.next()["added"], 1);
    wait_for(&sandbox, 2);

    // Another program writes between the changes.
    let list = sandbox.file("list.txt", "rocket\n");
    let start = Instant::now();
    while sandbox.run(["label", "add", "things", list.to_str().unwrap()]).code != Some(0) {
        assert!(start.elapsed() < PATIENCE, "the library stays locked");
        thread::sleep(Duration::from_millis(100));
    }

    fs::rename(sandbox.photo("cat.jpg"), sandbox.photo("new/cat.jpg")).unwrap();
    assert_eq!(watching.next()["renamed"], 1);
    fs::copy(sample("dress-1.jpg"), sandbox.photo("dress.jpg")).unwrap();
    fs::remove_dir_all(sandbox.photo("new")).unwrap();
    let mut removed = 0;
    while removed < 2 {
        removed += watching.next()["removed"].as_u64().unwrap();
    }
    wait_for(&sandbox, 1);
    assert!(sandbox.ok(["search", "clothes", "--paths"]).ends_with("dress.jpg\n"));
    assert_eq!(watching.stop(), Some(0));
}
