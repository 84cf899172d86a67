//! What can stand in the way of a run: a full disk, a library that cannot be written, photographs that change
//! meanwhile.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clipdex::library::Library;

use crate::durability::assert_whole;
#[cfg(target_os = "linux")]
use crate::sandbox::picture;
use crate::sandbox::{Sandbox, sample};

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_and_keeps_what_was_committed() {
    const PHOTOS: u64 = 120;
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    for number in 0..PHOTOS {
        fs::write(sandbox.photo(&format!("{number}.png")), picture(number)).unwrap();
    }
    // No file may become larger than so many KiB; where the signal is not wanted, writing fails as on a full disk. The
    // first limit is met when the database is opened, the second by its log of commits.
    for limit in [16, 80] {
        let index = "exec \"$0\" index photos --batch-size 8";
        let run = sandbox.script(&format!("trap '' XFSZ; ulimit -f {limit}; {index}"));
        assert_eq!(run.code, Some(2), "{}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("check free space"), "{}", run.stderr);
        assert_whole(&sandbox);
    }
    let kept = sandbox.json(["status", "--json"])["photos"].as_u64().unwrap();
    assert!(kept > 1 && kept < PHOTOS + 1, "{kept} photographs are kept");
    let summary = sandbox.index();
    assert_eq!(
        (summary["unchanged"].as_u64(), summary["added"].as_u64()),
        (Some(kept), Some(PHOTOS + 1 - kept))
    );
    assert_whole(&sandbox);
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_that_cannot_be_written_is_searched_all_the_same() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    sandbox.index();
    let read_only = |then: &str| {
        let mount = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 99";
        sandbox.script(&format!(
            "exec unshare --map-root-user --mount bash -c '{mount}; exec \"$0\" {then}' \"$0\" \"$1\""
        ))
    };
    if read_only("--version").code != Some(0) {
        // A system that lets nobody mount, as some containers.
        return;
    }
    let found = read_only("search \"a cat\" -k 1 --paths");
    assert!(found.stdout.ends_with("cat.jpg\n"), "{}", found.stderr);
    assert_eq!(read_only("status").code, Some(0));
    let refused = read_only("index photos");
    assert_eq!(refused.code, Some(2));
    let library = sandbox.library().canonicalize().unwrap();
    assert!(refused.stderr.contains(library.to_str().unwrap()), "{}", refused.stderr);
    assert!(refused.stderr.contains("Read-only"), "{}", refused.stderr);
}

#[test]
fn of_a_photograph_that_changes_meanwhile_no_mixture_is_taken() {
    let sandbox = Sandbox::with_samples(&["dress-1.jpg"]);
    let long = |name: &str| [fs::read(sample(name)).unwrap(), vec![0; 8 << 20]].concat();
    let contents = [long("cat.jpg"), long("shoes-1.jpg")];
    let path = sandbox.photo("changing.jpg");
    let hashes = || {
        let library = Library::open(&sandbox.library()).unwrap();
        let roots = library.roots().unwrap();
        let records = roots.iter().flat_map(|(root, _)| library.index().files(*root));
        let changing = records.map(Result::unwrap).filter(|(name, _)| name == b"changing.jpg");
        changing.map(|(_, record)| record.hash).collect::<Vec<_>>()
    };
    let (stop, wholes) = (
        AtomicBool::new(false),
        contents.each_ref().map(|bytes| *blake3::hash(bytes).as_bytes()),
    );
    fs::write(&path, &contents[0]).unwrap();
    thread::scope(|threads| {
        threads.spawn(|| {
            for content in contents.iter().cycle() {
                fs::write(&path, content).unwrap();
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..5 {
            sandbox.index();
            assert!(hashes().iter().all(|hash| wholes.contains(hash)));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let now = *blake3::hash(&fs::read(&path).unwrap()).as_bytes();
    sandbox.index();
    assert_eq!(hashes(), [now]);
    assert_eq!(sandbox.json(["status", "--json"])["failures"], 0);
    assert_whole(&sandbox);
}
