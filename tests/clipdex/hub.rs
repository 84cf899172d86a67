//! Models from the hub: fetched once, checked, and used without asking again.

mod server;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::server::{Behaviour, COMMIT, Server};
use crate::sandbox::{Run, Sandbox};

const WEIGHTS: &str = "model.safetensors";
const ID: &str = "org/tiny-clip";

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip-gelu");
    fs::read(dir.join(name)).unwrap()
}

/// A CLIP model of random weights, as a repository with more than is needed.
fn repository() -> Vec<(String, Vec<u8>)> {
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
        "post_processor": {
            "type": "RobertaProcessing", "cls": ["<s>", 598], "sep": ["</s>", 599],
            "trim_offsets": false, "add_prefix_space": false,
        },
        "model": {"type": "WordLevel", "vocab": {"?": 0, "a": 1, "cat": 2, "dog": 3}, "unk_token": "?"},
    });
    let files = [
        ("README.md", b"words".to_vec()),
        ("config.json", fixture("config.json")),
        (WEIGHTS, fixture(WEIGHTS)),
        ("pytorch_model.bin", b"a pickle".to_vec()),
        ("tokenizer.json", tokenizer.to_string().into_bytes()),
    ];
    files.map(|(name, content)| (name.to_owned(), content)).to_vec()
}

fn hub(behaviour: Behaviour) -> Server {
    Server::new(repository(), behaviour)
}

fn run(sandbox: &Sandbox, server: &Server, args: &[&str]) -> Run {
    let mut command = sandbox.command();
    command
        .env("HF_ENDPOINT", server.url())
        .args(args)
        .output()
        .unwrap()
        .into()
}

fn pull(sandbox: &Sandbox, server: &Server) -> Run {
    run(sandbox, server, &["models", "pull", ID])
}

/// Runs without any hub and expects success.
fn offline(sandbox: &Sandbox, args: &[&str]) -> String {
    let run: Run = sandbox
        .command()
        .env("HF_HUB_OFFLINE", "1")
        .args(args)
        .output()
        .unwrap()
        .into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout
}

fn snapshot(sandbox: &Sandbox) -> PathBuf {
    sandbox
        .hub_home()
        .join("hub/models--org--tiny-clip/snapshots")
        .join(COMMIT)
}

fn assert_fetched(sandbox: &Sandbox, run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fs::read(snapshot(sandbox).join(WEIGHTS)).unwrap(), fixture(WEIGHTS));
    let blobs = fs::read_dir(sandbox.hub_home().join("hub/models--org--tiny-clip/blobs")).unwrap();
    let parts = blobs.filter(|blob| blob.as_ref().unwrap().path().extension().is_some());
    assert_eq!(parts.count(), 0, "nothing is left over");
}

/// Says what `run` failed with, which must have every word of `words`.
#[track_caller]
fn assert_explained(run: &Run, words: &[&str]) {
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        words.iter().all(|word| run.stderr.contains(word)),
        "{words:?}: {}",
        run.stderr
    );
}

#[test]
fn a_fetched_model_needs_no_hub_any_more() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    let server = hub(Behaviour::default());
    let fetched = pull(&sandbox, &server);
    assert_fetched(&sandbox, &fetched);
    assert!(
        fetched.stdout.starts_with("org/tiny-clip: fetched, 1.8 MB, "),
        "{}",
        fetched.stdout
    );
    assert_eq!(fetched.stderr, "", "no progress where standard error is no terminal");
    let requests = server.take_requests();
    assert!(
        !requests
            .iter()
            .any(|request| request.path.contains("pickle") || request.path.contains(".bin"))
    );
    assert!(requests.last().unwrap().fetches(WEIGHTS), "the weights come last");

    let info: Value = serde_json::from_str(&offline(&sandbox, &["models", "info", ID, "--json"])).unwrap();
    assert_eq!((info["name"].as_str(), info["dim"].as_u64()), (Some(ID), Some(32)));
    offline(&sandbox, &["index", "photos", "--model", ID]);
    let found = offline(&sandbox, &["search", "a cat", "--paths"]);
    assert_eq!(found.lines().count(), 2, "the library remembers the name: {found}");
    assert_eq!(sandbox.json(["status", "--json"])["model"], ID);
}

#[test]
fn what_is_here_is_not_fetched_again() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour::default());
    pull(&sandbox, &server);
    server.take_requests();
    let again = pull(&sandbox, &server);
    assert!(
        again.stdout.starts_with("org/tiny-clip: already on this machine"),
        "{}",
        again.stdout
    );
    assert!(server.take_requests().is_empty());
    let row: Value = serde_json::from_str(&run(&sandbox, &server, &["models", "pull", ID, "--json"]).stdout).unwrap();
    assert_eq!(
        (row["name"].as_str(), row["fetched"].as_bool()),
        (Some(ID), Some(false))
    );
    assert!(row["path"].as_str().unwrap().ends_with(COMMIT));

    // Another revision of the same content costs two small files, and no weights.
    let other = run(&sandbox, &server, &["models", "pull", "org/tiny-clip@refs/pr/1"]);
    assert_eq!(other.code, Some(0), "{}", other.stderr);
    let requests = server.take_requests();
    assert!(requests[0].path.ends_with("/revision/refs%2Fpr%2F1"), "{requests:?}");
    assert!(!requests.iter().any(|request| request.fetches(WEIGHTS)));
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour {
        breaks: vec![700_000, 100_000],
        ..Behaviour::default()
    });
    assert_fetched(&sandbox, &pull(&sandbox, &server));
    let requests = server.take_requests();
    let fetches = requests.iter().filter(|request| request.fetches(WEIGHTS));
    let ranges: Vec<_> = fetches.map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=700000-"), Some("bytes=800000-")]);
}

#[test]
fn the_next_call_goes_on_too() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour {
        breaks: vec![700_000],
        down_after_breaks: true,
        ..Behaviour::default()
    });
    let broken = pull(&sandbox, &server);
    assert_explained(&broken, &[ID, &server.url(), "503", "try again"]);
    let explained = sandbox.run(["models", "info", ID]);
    assert_explained(&explained, &["clipdex models pull org/tiny-clip"]);

    server.take_requests();
    server.behave(Behaviour::default());
    assert_fetched(&sandbox, &pull(&sandbox, &server));
    let requests = server.take_requests();
    let fetch = requests.iter().find(|request| request.fetches(WEIGHTS)).unwrap();
    assert_eq!(fetch.header("range"), Some("bytes=700000-"));
}

#[test]
fn a_server_without_ranges_is_borne() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour {
        breaks: vec![700_000],
        ignores_ranges: true,
        ..Behaviour::default()
    });
    assert_fetched(&sandbox, &pull(&sandbox, &server));
}

#[test]
fn damaged_weights_are_refused_and_removed() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour {
        corrupts: 2,
        ..Behaviour::default()
    });
    assert_explained(&pull(&sandbox, &server), &[ID, WEIGHTS, "SHA-256", "removed"]);
    let blobs = fs::read_dir(sandbox.hub_home().join("hub/models--org--tiny-clip/blobs")).unwrap();
    assert_eq!(blobs.count(), 2, "the settings alone are left");
    assert_eq!(sandbox.run(["models", "info", ID]).code, Some(2));

    server.behave(Behaviour {
        corrupts: 1,
        ..Behaviour::default()
    });
    assert_fetched(&sandbox, &pull(&sandbox, &server));
}

#[test]
fn the_token_is_shown_to_the_hub_alone() {
    let sandbox = Sandbox::new();
    let storage = hub(Behaviour::default());
    let server = hub(Behaviour {
        token: Some("hf_secret".to_owned()),
        storage: Some(storage.url()),
        ..Behaviour::default()
    });
    assert_explained(
        &pull(&sandbox, &server),
        &[ID, &server.url(), "HF_TOKEN", "without a token"],
    );

    fs::create_dir_all(sandbox.hub_home()).unwrap();
    fs::write(sandbox.hub_home().join("token"), "hf_wrong\n").unwrap();
    let refused = pull(&sandbox, &server);
    assert_explained(&refused, &["HF_TOKEN", "owner of this token"]);
    assert!(
        !refused.stderr.contains("hf_wrong"),
        "a token is a secret: {}",
        refused.stderr
    );

    let mut command = sandbox.command();
    command.env("HF_ENDPOINT", server.url()).env("HF_TOKEN", "hf_secret");
    let run: Run = command.args(["models", "pull", ID]).output().unwrap().into();
    assert_fetched(&sandbox, &run);
    let elsewhere = storage.take_requests();
    assert!(elsewhere.iter().any(|request| request.fetches(WEIGHTS)));
    assert!(
        elsewhere
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn offline_means_that_nobody_is_asked() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let server = hub(Behaviour::default());
    for value in ["1", "TRUE", "yes", "On"] {
        let mut command = sandbox.command();
        command.env("HF_ENDPOINT", server.url()).env("HF_HUB_OFFLINE", value);
        let run: Run = command.args(["models", "pull", ID]).output().unwrap().into();
        assert_explained(&run, &[ID, "HF_HUB_OFFLINE"]);
    }
    let mut command = sandbox.command();
    command.env("HF_ENDPOINT", server.url()).env("HF_HUB_OFFLINE", "1");
    let offline: Run = command
        .args(["index", "photos", "--model", ID])
        .output()
        .unwrap()
        .into();
    assert_explained(&offline, &[ID, "HF_HUB_OFFLINE"]);
    // Nothing asks but `pull` and a new library's model.
    assert_explained(
        &run(&sandbox, &server, &["models", "info", "siglip2-b-16-224"]),
        &["clipdex models pull siglip2"],
    );
    run(&sandbox, &server, &["models", "list"]);
    run(&sandbox, &server, &["index", "photos"]);
    assert!(server.take_requests().is_empty());
}

#[test]
fn a_model_that_is_named_for_a_new_library_is_fetched() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let server = hub(Behaviour::default());
    let mut command = sandbox.command();
    command.env("HF_ENDPOINT", server.url()).env("CLIPDEX_MODEL", ID);
    let made: Run = command.args(["index", "photos"]).output().unwrap().into();
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    assert_eq!(sandbox.json(["status", "--json"])["model"], ID);
    assert!(!server.take_requests().is_empty());

    // A library keeps its model, whatever the environment says later.
    let mut command = sandbox.command();
    command.env("HF_ENDPOINT", server.url()).env("CLIPDEX_MODEL", "starter");
    let again: Run = command.args(["index", "photos"]).output().unwrap().into();
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "photos: 1 unchanged\n"),
        "{}",
        again.stderr
    );
    assert!(server.take_requests().is_empty());
}

#[test]
fn refusals_say_what_to_do() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour::default());
    let with = |behaviour: Behaviour| {
        server.behave(behaviour);
        pull(&sandbox, &server)
    };
    let status = |status| Behaviour {
        status: Some(status),
        ..Behaviour::default()
    };
    assert_explained(&with(status(404)), &[ID, "does not exist", "check the name"]);
    assert_explained(&with(status(403)), &[ID, "HF_TOKEN"]);
    assert_explained(&with(status(418)), &[ID, "418", "HF_ENDPOINT"]);

    let pickles = Server::new(
        [
            ("config.json".to_owned(), vec![]),
            ("pytorch_model.bin".to_owned(), vec![]),
        ],
        Behaviour::default(),
    );
    assert_explained(&pull(&sandbox, &pickles), &[ID, "safetensors", "pickles"]);

    let mut command = sandbox.command();
    command
        .env("HF_ENDPOINT", "http://127.0.0.1:1")
        .args(["models", "pull", ID]);
    assert_explained(&command.output().unwrap().into(), &[ID, "127.0.0.1:1", "connection"]);

    let file = sandbox.file("no-directory", "");
    let mut command = sandbox.command();
    command
        .env("HF_ENDPOINT", server.url())
        .env("HF_HUB_CACHE", file.join("hub"))
        .args(["models", "pull", ID]);
    assert_explained(&command.output().unwrap().into(), &["no-directory", "HF_HOME"]);
}

#[test]
fn names_lead_nowhere_else() {
    let sandbox = Sandbox::new();
    let server = hub(Behaviour::default());
    for name in [
        "../org",
        "org/..",
        "a/../../b",
        "org/name@../../x",
        "org/na--me",
        ".org/name",
        "org/name/more",
    ] {
        let refused = run(&sandbox, &server, &["models", "pull", name]);
        assert_eq!(refused.code, Some(2), "{name}: {}", refused.stdout);
    }
    assert!(server.take_requests().is_empty());
    assert!(!sandbox.hub_home().exists());
}

#[test]
fn a_directory_goes_before_a_repository_of_its_name() {
    let sandbox = Sandbox::new();
    let dir = sandbox.photos().with_file_name(ID);
    fs::create_dir_all(&dir).unwrap();
    for (name, content) in repository() {
        fs::write(dir.join(name), content).unwrap();
    }
    let info = sandbox.json(["models", "info", ID, "--json"]);
    assert_eq!(info["name"].as_str(), dir.to_str());
    let server = hub(Behaviour::default());
    let pulled = pull(&sandbox, &server);
    assert!(pulled.stdout.contains("already on this machine"), "{}", pulled.stdout);
    assert!(server.take_requests().is_empty());
    assert!(sandbox.ok(["models", "pull", "starter"]).contains("built in"));
}

#[test]
fn the_list_tells_what_is_here_and_what_is_used() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let name = "datacomp-vit-b-32-256";
    let row = |sandbox: &Sandbox| -> Value {
        let list = sandbox.json(["models", "list", "--json"]);
        let rows = list.as_array().unwrap().iter();
        rows.clone().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(
        (&row(&sandbox)["present"], &row(&sandbox)["default"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(row(&sandbox)["licence"], "MIT");

    let server = hub(Behaviour::default());
    assert_eq!(run(&sandbox, &server, &["models", "pull", name]).code, Some(0));
    assert_eq!(
        (&row(&sandbox)["present"], &row(&sandbox)["default"]),
        (&json!(true), &json!(true))
    );
    let table = sandbox.ok(["models", "list"]);
    let line = table.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line.ends_with("on this machine") && line.contains("72.8 %"), "{line}");
    let id = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K";
    assert_eq!(
        sandbox.json(["models", "info", id, "--json"])["name"],
        name,
        "one model, one name"
    );
    sandbox.index();
    assert_eq!(
        sandbox.json(["status", "--json"])["model"],
        name,
        "a new library takes it"
    );
}
