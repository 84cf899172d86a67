//! A run that is cut short keeps what it committed, and the next one completes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use clipdex::library::{Library, LibraryWriter};
use serde_json::Value;

use crate::sandbox::{Sandbox, sample};

const PHOTOS: u64 = 120;

/// Many photographs with contents of their own: decoders pass over what stands behind a JPEG's end.
pub fn many() -> Sandbox {
    let sandbox = Sandbox::new();
    let jpeg = fs::read(sample("shoes-1.jpg")).unwrap();
    for i in 0..PHOTOS {
        let mut own = jpeg.clone();
        own.extend(i.to_be_bytes());
        fs::write(sandbox.photo(&format!("{i:03}.jpg")), own).unwrap();
    }
    sandbox
}

fn spawn_index(sandbox: &Sandbox) -> Child {
    let mut command = sandbox.command();
    command
        .args(["index", "photos", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Photographs in the library; none where there is no library yet.
fn photos(sandbox: &Sandbox) -> u64 {
    let run = sandbox.run(["status", "--json"]);
    serde_json::from_str::<Value>(&run.stdout).map_or(0, |status| status["photos"].as_u64().unwrap())
}

/// Waits until the running index has committed something; false where it ended first.
fn wait_for_commit(sandbox: &Sandbox, child: &mut Child, least: u64) -> bool {
    while child.try_wait().unwrap().is_none() {
        if photos(sandbox) >= least {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

pub fn assert_whole(sandbox: &Sandbox) {
    let library = Library::open(&sandbox.library()).unwrap();
    let problems = clipdex_index::verify(library.index()).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
}

/// Starts the program and kills it once `ready`.
pub fn spawn_and_kill(sandbox: &Sandbox, args: &[&str], ready: impl Fn() -> bool) {
    let mut command = sandbox.command();
    let mut child = command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() && !ready() {
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn sigkill_loses_nothing_that_was_committed() {
    let sandbox = many();
    let mut kept = 0;
    for round in 0..4 {
        let mut child = spawn_index(&sandbox);
        wait_for_commit(&sandbox, &mut child, kept + 1);
        thread::sleep(Duration::from_millis(37 * round));
        let seen = photos(&sandbox);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_whole(&sandbox);
        let now = photos(&sandbox);
        assert!(
            now >= seen,
            "round {round}: {now} of {seen} committed photographs are left"
        );
        kept = now;
    }
    let summary = sandbox.index();
    assert_eq!(
        summary["unchanged"].as_u64(),
        Some(kept),
        "what was committed is not done again"
    );
    assert_eq!(summary["added"].as_u64(), Some(PHOTOS - kept));
    assert_eq!(photos(&sandbox), PHOTOS);
    assert_whole(&sandbox);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_committed() {
    let sandbox = many();
    let mut child = spawn_index(&sandbox);
    assert!(
        wait_for_commit(&sandbox, &mut child, 1),
        "the run is long enough to be interrupted"
    );
    let kill = format!("kill -INT {}", child.id());
    let signal = Command::new("bash").args(["-c", &kill]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kept = photos(&sandbox);
    assert_eq!(
        summary[0]["added"].as_u64(),
        Some(kept),
        "the summary counts what is in the library"
    );
    let next = sandbox.index();
    assert_eq!(next["unchanged"].as_u64(), Some(kept));
    assert_eq!(photos(&sandbox), PHOTOS);
}

#[test]
fn one_writes_and_many_read() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let writer = LibraryWriter::open(&sandbox.library(), None, "starter").unwrap();
    let refused = sandbox.run(["index", "photos"]);
    assert_eq!(refused.code, Some(2));
    let process = std::process::id().to_string();
    assert!(
        refused.stderr.contains(&process),
        "the message names the process: {}",
        refused.stderr
    );
    assert!(
        sandbox.ok(["search", "a cat", "--paths"]).ends_with("cat.jpg\n"),
        "reading goes on"
    );
    drop(writer);
    sandbox.ok(["index", "photos"]);
}
