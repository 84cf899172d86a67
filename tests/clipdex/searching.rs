use serde_json::Value;

use crate::sandbox::{Sandbox, sample};

const NAMES: [&str; 6] = [
    "cat.jpg",
    "coffee-cup.jpg",
    "rocket-launch.jpg",
    "dress-1.jpg",
    "dress-2.jpg",
    "shoes-1.jpg",
];

fn first(answer: &Value) -> &str {
    answer["results"][0]["path"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
}

#[test]
fn words_find_photographs() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    for (words, name) in [
        ("a cup of coffee", "coffee-cup.jpg"),
        ("rocket launch", "rocket-launch.jpg"),
        ("running shoes", "shoes-1.jpg"),
        ("a cat", "cat.jpg"),
    ] {
        assert_eq!(first(&sandbox.json(["search", words, "--json"])), name, "{words}");
    }
    let mut unquoted = vec!["search"];
    unquoted.extend("a cup of coffee --json".split(' '));
    assert_eq!(first(&sandbox.json(unquoted)), "coffee-cup.jpg");
}

#[test]
fn a_picture_finds_itself_and_its_like() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let own = sandbox.json(["search", "photos/dress-1.jpg", "--json"]);
    assert_eq!(first(&own), "dress-1.jpg");
    assert!(own["results"][0]["score"].as_f64().unwrap() > 0.99);
    let like = sandbox.json(["similar", "photos/dress-1.jpg", "--json"]);
    assert_eq!(first(&like), "dress-2.jpg", "the picture itself is left out");

    let stranger = sample("dress-3.jpg");
    let like = sandbox.json(["similar", stranger.to_str().unwrap(), "--json", "-k", "2"]);
    assert!(
        first(&like).starts_with("dress-"),
        "a picture from elsewhere is embedded"
    );
    assert_eq!(like["results"].as_array().unwrap().len(), 2);
}

#[test]
fn a_changed_file_is_not_taken_for_the_indexed_one() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    std::fs::copy(sample("cat.jpg"), sandbox.photo("dress-1.jpg")).unwrap();
    assert_eq!(
        first(&sandbox.json(["search", "photos/dress-1.jpg", "--json"])),
        "cat.jpg"
    );
}

#[test]
fn fewer_results_are_the_first_of_more() {
    let sandbox = Sandbox::with_samples(&NAMES);
    sandbox.index();
    let all = sandbox.ok(["search", "clothes", "--paths"]);
    assert_eq!(all.lines().count(), NAMES.len());
    for k in 1..NAMES.len() {
        let some = sandbox.ok(["search", "clothes", "--paths", "--exact", "-k", &k.to_string()]);
        let expected: Vec<_> = all.lines().take(k).collect();
        assert_eq!(some.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn endings_are_told_by_the_exit_code() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    let run = sandbox.run(["search", "cat"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("clipdex index"), "the remedy: {}", run.stderr);
    assert!(run.stdout.is_empty());

    assert_eq!(sandbox.run(["index", "nowhere"]).code, Some(2));
    sandbox.index();
    assert_eq!(sandbox.run(["search", "cat"]).code, Some(0));
    assert_eq!(
        sandbox.run(["similar", "photos/cat.jpg"]).code,
        Some(1),
        "there is no other photograph"
    );
    assert_eq!(sandbox.run(["similar", "missing.jpg"]).code, Some(2));
    assert_eq!(sandbox.run(["search", "cat", "--json", "--csv"]).code, Some(2));
    let other = sandbox.run(["search", "cat", "--model", "another"]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("models list"), "{}", other.stderr);
}

#[test]
fn no_results_cannot_be_asked_for() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    for number in ["0", "-1", "many"] {
        for args in [
            &["search", "cat", "-k", number][..],
            &["search", "cat", "--ef", number],
            &["similar", "photos/cat.jpg", "-k", number],
            &["classify", "photos/cat.jpg", "--labels", "pets", "-k", number],
            &["label", "suggest", "-n", number],
            &["index", "photos", "--jobs", number],
        ] {
            let run = sandbox.run(args);
            assert_eq!(run.code, Some(2), "{args:?}");
            assert!(
                run.stderr.contains("a whole number of at least 1 is needed"),
                "{args:?}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn a_portable_library_moves_with_its_photographs() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    sandbox.ok(["index", "photos", "--library", "photos/.clipdex"]);
    let moved = sandbox.photos().with_file_name("elsewhere");
    std::fs::rename(sandbox.photos(), &moved).unwrap();
    let found = sandbox.ok([
        "search",
        "a cat",
        "--library",
        "elsewhere/.clipdex",
        "--paths",
        "-k",
        "1",
    ]);
    assert_eq!(found.trim_end(), moved.join("cat.jpg").to_str().unwrap());
    let summary = sandbox.json(["index", "elsewhere", "--library", "elsewhere/.clipdex", "--json"]);
    assert_eq!(summary[0]["unchanged"], 2);
}

#[test]
fn a_path_is_never_taken_for_words() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    sandbox.index();
    for path in [
        "./missing.jpg",
        "missing.JPEG",
        "/missing/cat",
        "../missing",
        "~/missing",
    ] {
        let run = sandbox.run(["search", path]);
        assert_eq!(run.code, Some(2), "{path}: {}", run.stdout);
        let named = format!("'{path}'");
        assert!(
            run.stderr.contains(&named) && run.stderr.contains("as words"),
            "{}",
            run.stderr
        );
        assert_eq!(sandbox.run(["search", "photo", path]).code, Some(0), "the remedy");
    }
    for path in ["/dev/null", "./photos"] {
        let run = sandbox.run(["search", path]);
        assert_eq!(run.code, Some(2), "{path}: {}", run.stdout);
        assert!(run.stderr.contains(path), "{}", run.stderr);
    }
    for words in ["dresses/skirts", "photos", "a cat in cat.jpg", "missing.jpg, of a cat"] {
        assert_eq!(sandbox.run(["search", words]).code, Some(0), "{words}");
    }
}
