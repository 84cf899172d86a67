//! Models from directories: the library remembers its own, and takes no other's vectors.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::{Sandbox, counts};

/// A CLIP model of random weights, small enough to be quick.
fn copy_model(to: PathBuf) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip-gelu");
    fs::create_dir(&to).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    to
}

#[test]
fn a_library_keeps_to_the_model_it_was_made_with() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    let model = copy_model(sandbox.photos().with_file_name("model"));
    sandbox.ok(["index", "photos", "--model", "model"]);
    let own = sandbox.ok(["search", "photos/cat.jpg", "--paths", "-k", "1"]);
    assert!(own.ends_with("cat.jpg\n"), "no --model is needed afterwards: {own}");

    let other = sandbox.run(["search", "a cat", "--model", "starter"]);
    assert_eq!(other.code, Some(2));
    assert!(
        other.stderr.contains("starter") && other.stderr.contains("index --model"),
        "{}",
        other.stderr
    );
    assert_eq!(sandbox.json(["status", "--json"])["dim"], 32);

    let moved = model.with_file_name("moved");
    fs::rename(&model, &moved).unwrap();
    assert_eq!(sandbox.run(["index", "photos"]).code, Some(2));
    let summary = sandbox.json(["index", "photos", "--json", "--model", "moved"]);
    assert_eq!(
        counts(&summary[0]),
        [("unchanged", 2)],
        "the same weights in another place are the same model"
    );
    assert_eq!(sandbox.index()["unchanged"], 2, "the new place is remembered");
}

#[test]
fn a_directory_is_described() {
    let sandbox = Sandbox::new();
    copy_model(sandbox.photos().with_file_name("model"));
    let info = sandbox.json(["models", "info", "model", "--json"]);
    assert_eq!(
        (info["family"].as_str(), info["dim"].as_u64()),
        (Some("clip"), Some(32))
    );
    assert!(Path::new(info["name"].as_str().unwrap()).is_absolute());
    assert!(sandbox.ok(["models", "info", "starter"]).contains("384"));
    assert_eq!(sandbox.run(["models", "info", "unheard-of"]).code, Some(2));
}

#[test]
fn a_damaged_model_is_explained() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let model = copy_model(sandbox.photos().with_file_name("model"));
    let weights = model.join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let run = sandbox.run(["index", "photos", "--model", "model"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("model.safetensors"), "{}", run.stderr);
    assert_eq!(sandbox.run(["index", "photos", "--model", "./missing"]).code, Some(2));
}

#[test]
fn a_compiled_tokenizer_is_used_again_and_replaced_where_it_is_damaged() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    let model = copy_model(sandbox.photos().with_file_name("model"));
    let tokenizer = "tests/fixtures/made/tokenizer-byte-fallback/tokenizer.json";
    let tokenizer = Path::new(env!("CARGO_MANIFEST_DIR")).join(tokenizer);
    fs::copy(tokenizer, model.join("tokenizer.json")).unwrap();
    sandbox.ok(["index", "photos", "--model", "model"]);
    let search = || {
        let run = sandbox.run(["search", "a cat on the table", "--json"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        run.stdout
    };
    let found = search();
    let files = || -> Vec<PathBuf> {
        let files = fs::read_dir(sandbox.cache().join("tokenizers")).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    };
    let [file] = &files()[..] else { panic!("{:?}", files()) };
    let compiled = fs::read(file).unwrap();
    assert_eq!(search(), found);
    fs::write(file, &compiled[..compiled.len() / 2]).unwrap();
    assert_eq!(search(), found);
    assert_eq!((fs::read(file).unwrap(), files().len()), (compiled, 1));
}

#[test]
fn a_device_that_was_not_built_is_refused_where_vectors_are_computed() {
    // Neither system can have both.
    let device = if cfg!(target_os = "macos") { "cuda" } else { "metal" };
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let refused = |args: &[&str]| {
        let run = sandbox.run(args.iter().chain(&["--device", device]));
        assert_eq!(run.code, Some(2), "{args:?}");
        assert!(run.stderr.contains(&format!("--features {device}")), "{}", run.stderr);
    };
    refused(&["index", "photos"]);
    assert!(!sandbox.library().exists(), "nothing was begun");
    sandbox.index();
    refused(&["search", "a cat"]);
    refused(&["label", "add", "things", "builtin:imagenet-1k"]);
    refused(&["models", "bench", "starter"]);
    let known = sandbox.ok(["search", "photos/cat.jpg", "--paths", "--device", device]);
    assert!(known.ends_with("cat.jpg\n"), "its vector is in the library: {known}");
    let status = sandbox.command().env("CLIPDEX_DEVICE", device).arg("status").output();
    assert!(status.unwrap().status.success());
    let unknown = sandbox.run(["search", "a cat", "--device", "gpu"]);
    assert!(
        unknown.code == Some(2) && unknown.stderr.contains("cuda:N"),
        "{}",
        unknown.stderr
    );
}
