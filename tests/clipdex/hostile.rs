//! Directories as they are found in the wild, and made to do harm.

use std::fs;
use std::path::Path;

use crate::sandbox::{Sandbox, counts, sample};

/// A PNG of a few dozen bytes that says it has 60,000 x 60,000 pixels.
fn bomb() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR".to_vec();
    png.extend(60_000_u32.to_be_bytes());
    png.extend(60_000_u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&png[12..]);
    png.extend(crc.to_be_bytes());
    png.extend(b"\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e\x00\x00\x00\x00IEND\xae\x42\x60\x82");
    png
}

/// The CRC of the PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 }
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn bad_files_are_recorded_and_the_rest_is_indexed() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let jpeg = fs::read(sample("dress-1.jpg")).unwrap();
    fs::write(sandbox.photo("empty.jpg"), b"").unwrap();
    fs::write(sandbox.photo("text.jpg"), b"hello, I am no photograph").unwrap();
    fs::write(sandbox.photo("cut.jpg"), &jpeg[..jpeg.len() / 3]).unwrap();
    fs::write(sandbox.photo("bomb.png"), bomb()).unwrap();
    fs::write(sandbox.photo("mislabelled.gif"), &jpeg).unwrap();
    fs::write(sandbox.photo("notes.txt"), b"not a candidate").unwrap();
    fs::create_dir(sandbox.photo("directory.jpg")).unwrap();

    let run = sandbox.run(["index", "photos", "--json"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.stderr.lines().filter(|line| line.contains("skipped")).count(),
        4,
        "{}",
        run.stderr
    );
    let summary = serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()[0].take();
    assert_eq!(
        counts(&summary),
        [("added", 2), ("failed", 4)],
        "content decides, not the extension"
    );

    let listed = sandbox.json(["status", "--failures", "--json"]);
    let reason = |name: &str| {
        let failures = listed["failed_files"].as_array().unwrap().iter();
        let mut named = failures.filter(|row| row["path"].as_str().unwrap().ends_with(name));
        named.next().unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("empty.jpg").contains("empty"));
    assert!(reason("bomb.png").contains("60000"));
    assert!(reason("text.jpg").contains("not an image"));
    assert!(!reason("cut.jpg").is_empty());
    let text = sandbox.ok(["status", "--failures"]);
    assert!(text.contains("bomb.png") && text.contains("60000"), "{text}");

    assert_eq!(
        counts(&sandbox.index()),
        [("failed_before", 4), ("unchanged", 2)],
        "not tried again"
    );
    fs::write(sandbox.photo("cut.jpg"), fs::read(sample("shoes-1.jpg")).unwrap()).unwrap();
    fs::remove_file(sandbox.photo("empty.jpg")).unwrap();
    assert_eq!(
        counts(&sandbox.index()),
        [("added", 1), ("failed_before", 2), ("unchanged", 2)]
    );
    assert_eq!(sandbox.json(["status", "--json"])["failures"], 2);
}

#[test]
fn a_photograph_that_breaks_is_no_longer_found() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    sandbox.index();
    fs::write(sandbox.photo("cat.jpg"), b"broken").unwrap();
    assert_eq!(counts(&sandbox.index()), [("failed", 1), ("unchanged", 1)]);
    assert_eq!(sandbox.ok(["search", "a cat", "--paths"]).lines().count(), 1);
}

#[cfg(unix)]
#[test]
fn links_pipes_and_strange_names() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    symlink("..", sandbox.photo("cycle")).unwrap();
    symlink("nowhere", sandbox.photo("dangling.jpg")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(sandbox.photo("pipe.jpg"))
            .status()
            .unwrap()
            .success()
    );
    let names: [&[u8]; 4] = [
        b"line\nbreak.jpg",
        b"not-utf8-\xff.jpg",
        "\u{202e}gpj.jpg".as_bytes(),
        b"esc\x1b[2J.jpg",
    ];
    for (i, name) in names.iter().enumerate() {
        let mut jpeg = fs::read(sample("shoes-1.jpg")).unwrap();
        jpeg.push(i as u8);
        fs::write(sandbox.photos().join(Path::new(OsStr::from_bytes(name))), jpeg).unwrap();
    }
    assert_eq!(counts(&sandbox.index()), [("added", 5)]);
    assert_eq!(counts(&sandbox.index()), [("unchanged", 5)]);

    let output = sandbox
        .command()
        .args(["search", "shoes", "-k", "5", "-0"])
        .output()
        .unwrap();
    for name in names {
        let found = output.stdout.split(|byte| *byte == 0).any(|path| path.ends_with(name));
        assert!(found, "{}", name.escape_ascii());
    }
    let strange = sandbox.photos().join(OsStr::from_bytes(names[1]));
    let like = sandbox.ok([OsStr::new("search"), strange.as_os_str(), OsStr::new("--json")]);
    assert!(
        like.contains("\"path_hex\""),
        "a name that is no text names a picture: {like}"
    );
    assert_eq!(
        sandbox.run([OsStr::new("search"), OsStr::from_bytes(b"a \xff")]).code,
        Some(2)
    );

    let table = sandbox.ok(["search", "shoes", "-k", "5"]);
    assert_eq!(table.lines().count(), 5);
    assert!(!table.contains(['\x1b', '\u{202e}']), "{table}");
    let answer = sandbox.json(["search", "shoes", "-k", "5", "--json"]);
    let hex = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["path_hex"].as_str())
        .next()
        .unwrap();
    assert!(hex.ends_with("ff2e6a7067"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_never_ends_is_refused() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let list = sandbox.file("list.txt", "cat\ndog\n");
    sandbox.ok(["label", "add", "pets", list.to_str().unwrap()]);
    let huge = sandbox.file("huge.jpg", "");
    fs::File::options()
        .write(true)
        .open(&huge)
        .unwrap()
        .set_len(3 << 30)
        .unwrap();
    let refused = |args: &[&str], word: &str| {
        let run = sandbox.run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stdout);
        assert!(run.stderr.contains(word), "{args:?}: {}", run.stderr);
    };
    for file in ["/dev/zero", huge.to_str().unwrap()] {
        for args in [
            &["similar", file][..],
            &["search", file],
            &["classify", file, "--labels", "pets"],
            &["label", "teach", "pets", "cat", file],
        ] {
            refused(args, "the limit of 268435456 bytes");
        }
        refused(&["label", "add", "zeros", file], "line 1: longer than 65536 bytes");
        refused(
            &["label", "add", "pets", "list.txt", "--templates", file],
            "line 1: longer",
        );
    }
    let run = sandbox.script("\"$0\" classify <(cat photos/cat.jpg) --labels pets");
    assert_eq!(run.code, Some(0), "a picture may come through a pipe: {}", run.stderr);
}
