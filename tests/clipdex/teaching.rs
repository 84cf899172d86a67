//! Labels that are taught by example pictures.

use std::fs;

use serde_json::{Value, json};

use crate::changing::small_model;
use crate::sandbox::{Sandbox, sample};

fn samples(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| sample(name).to_str().unwrap().to_owned())
        .collect()
}

fn teach(sandbox: &Sandbox, label: &str, names: &[&str]) -> Value {
    let images = samples(names);
    let args = ["label", "teach", "wardrobe", label, "--json"].map(str::to_owned);
    sandbox.json(args.iter().chain(&images))
}

/// The likeliest label of a sample.
fn best(sandbox: &Sandbox, name: &str) -> String {
    let image = sample(name);
    let found = sandbox.json([
        "classify",
        image.to_str().unwrap(),
        "--labels",
        "wardrobe",
        "--json",
        "-k",
        "1",
    ]);
    found["images"][0]["predictions"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_label_is_made_by_examples_and_forgotten() {
    let sandbox = Sandbox::with_samples(&[
        "cat.jpg",
        "dress-1.jpg",
        "rocket-launch.jpg",
        "coffee-cup.jpg",
        "brick-wall.jpg",
        "motorcycle.jpg",
        "grass.jpg",
        "galaxies.jpg",
        "astronaut.jpg",
    ]);
    sandbox.index();
    let list = sandbox.file("list.txt", "dress\nhat\npants\n");
    sandbox.ok(["label", "add", "wardrobe", list.to_str().unwrap()]);
    assert_ne!(best(&sandbox, "shoes-5.jpg"), "grandfather's favourite");
    let taught = teach(
        &sandbox,
        "grandfather's favourite",
        &["shoes-1.jpg", "shoes-2.jpg", "shoes-3.jpg"],
    );
    assert_eq!(
        (&taught["new_label"], &taught["added"], &taught["examples"]),
        (&json!(true), &json!(3), &json!(3))
    );
    assert_eq!(best(&sandbox, "shoes-5.jpg"), "grandfather's favourite");
    assert_eq!(best(&sandbox, "hat-2.jpg"), "hat", "the others stay what they were");
    assert_eq!(best(&sandbox, "dress-1.jpg"), "dress");

    let again = teach(&sandbox, "grandfather's favourite", &["shoes-1.jpg"]);
    assert_eq!(
        (&again["new_label"], &again["added"], &again["examples"]),
        (&json!(false), &json!(0), &json!(3))
    );
    let shown = &sandbox.json(["label", "show", "wardrobe", "grandfather's favourite", "--json"])[0];
    assert!(
        shown["examples"][0]["path"].as_str().unwrap().ends_with("shoes-1.jpg"),
        "{shown}"
    );

    let one = &samples(&["shoes-2.jpg"])[0];
    sandbox.ok(["label", "forget", "wardrobe", "grandfather's favourite", one]);
    assert_eq!(
        sandbox
            .run(["label", "forget", "wardrobe", "grandfather's favourite", one])
            .code,
        Some(2)
    );
    sandbox.ok(["label", "forget", "wardrobe", "grandfather's favourite"]);
    let nothing = sandbox.run(["label", "forget", "wardrobe", "grandfather's favourite"]);
    assert_eq!(nothing.code, Some(1), "{}", nothing.stderr);
    assert_ne!(best(&sandbox, "shoes-5.jpg"), "grandfather's favourite");
}

#[test]
fn a_name_that_says_nothing_is_found_among_a_thousand() {
    let sandbox = Sandbox::new();
    sandbox.ok(["label", "add", "wardrobe", "builtin:imagenet-1k"]);
    let others = [
        "hat-2.jpg",
        "motorcycle.jpg",
        "dress-1.jpg",
        "rocket-launch.jpg",
        "coffee-cup.jpg",
    ];
    let before = others.map(|name| best(&sandbox, name));
    teach(&sandbox, "Miso", &["cat.jpg"]);
    assert_eq!(best(&sandbox, "cat.jpg"), "Miso");
    assert_eq!(
        others.map(|name| best(&sandbox, name)),
        before,
        "the others stay what they were"
    );
}

#[test]
fn examples_go_with_their_label_and_follow_its_name() {
    let sandbox = Sandbox::new();
    let examples = |label: &str| {
        let shown = sandbox.json(["label", "show", "wardrobe", label, "--json"]);
        shown[0]["examples"].as_array().unwrap().len()
    };
    teach(&sandbox, "hat", &["hat-1.jpg", "hat-2.jpg"]);
    teach(&sandbox, "shoe", &["shoes-1.jpg"]);
    sandbox.ok(["label", "edit", "wardrobe", "hat", "--name", "headgear"]);
    assert_eq!(examples("headgear"), 2);
    sandbox.ok(["label", "remove", "wardrobe", "headgear"]);
    teach(&sandbox, "headgear", &["hat-3.jpg"]);
    assert_eq!((examples("headgear"), examples("shoe")), (1, 1));
    sandbox.ok(["label", "remove", "wardrobe"]);
    teach(&sandbox, "shoe", &["shoes-2.jpg"]);
    assert_eq!(examples("shoe"), 1, "nothing is left of the bank that went");
    crate::durability::assert_whole(&sandbox);
}

#[test]
fn a_library_without_photographs_can_be_taught() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.txt", "dress\nhat\npants\n");
    sandbox.ok(["label", "add", "wardrobe", list.to_str().unwrap()]);
    teach(
        &sandbox,
        "grandfather's favourite",
        &["shoes-1.jpg", "shoes-2.jpg", "shoes-3.jpg"],
    );
    assert_eq!(best(&sandbox, "shoes-5.jpg"), "grandfather's favourite");
    assert_eq!(best(&sandbox, "hat-2.jpg"), "hat");
    let taught = teach(&sandbox, "Hat", &["hat-1.jpg"]);
    assert_eq!(taught["new_label"], json!(true), "a name of its own");
}

#[test]
fn pictures_that_cannot_be_read_are_named() {
    let sandbox = Sandbox::new();
    let broken = sandbox.file("broken.jpg", "no picture");
    let good = sample("hat-1.jpg");
    let teach = |images: &[&str]| sandbox.run(["label", "teach", "wardrobe", "hat"].iter().chain(images));
    let run = teach(&["missing.jpg", broken.to_str().unwrap()]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("missing.jpg") && run.stderr.contains("broken.jpg"),
        "{}",
        run.stderr
    );
    assert_eq!(
        sandbox.run(["label", "show", "wardrobe"]).code,
        Some(2),
        "no bank is made of nothing"
    );
    let run = teach(&["missing.jpg", good.to_str().unwrap()]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(2), "wardrobe: hat: new label, 1 example added, 1 in all\n")
    );
}

#[test]
fn the_method_is_the_banks() {
    let sandbox = Sandbox::new();
    teach(&sandbox, "hat", &["hat-1.jpg"]);
    teach(&sandbox, "shoe", &["shoes-1.jpg"]);
    let score = |name: &str| {
        let image = sample(name);
        let found = sandbox.json(["classify", image.to_str().unwrap(), "--labels", "wardrobe", "--json"]);
        found["images"][0]["predictions"][0]["score"].as_f64().unwrap()
    };
    let prototype = score("hat-2.jpg");
    let image = sample("hat-1.jpg");
    let args = ["label", "teach", "wardrobe", "hat", image.to_str().unwrap(), "--method"];
    sandbox.ok(args.iter().chain(&["tip-adapter"]));
    let adapted = score("hat-2.jpg");
    assert_ne!(prototype, adapted);
    teach(&sandbox, "hat", &["hat-1.jpg"]);
    assert_eq!(score("hat-2.jpg"), adapted, "it stays until another is asked for");
    let unknown = sandbox.run(args.iter().chain(&["x"]));
    assert!(unknown.stderr.contains("tip-adapter"), "{}", unknown.stderr);
}

#[test]
fn examples_change_with_the_model() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "dress-1.jpg"]);
    small_model(&sandbox);
    sandbox.index();
    let away = sandbox.photo("cat.jpg").with_file_name("away.jpg");
    let aside = sandbox.photos().with_file_name("aside.jpg");
    fs::copy(sample("hat-1.jpg"), &aside).unwrap();
    let gone = sandbox.photos().with_file_name("gone.jpg");
    fs::copy(sample("hat-2.jpg"), &gone).unwrap();
    let images = [sandbox.photo("cat.jpg"), aside, gone.clone()];
    let images = images.iter().map(|path| path.to_str().unwrap());
    sandbox.ok(["label", "teach", "wardrobe", "cat"].into_iter().chain(images));
    fs::rename(sandbox.photo("cat.jpg"), away).unwrap();
    fs::remove_file(&gone).unwrap();
    sandbox.ok(["index", "photos"]);

    let run = sandbox.run(["index", "--model", "small"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("gone.jpg"), "{}", run.stderr);
    let shown = &sandbox.json(["label", "show", "wardrobe", "cat", "--json"])[0];
    assert_eq!(shown["examples"].as_array().unwrap().len(), 2, "{shown}");
    sandbox.json(["classify", "photos/away.jpg", "--labels", "wardrobe", "--json"]);
    crate::durability::assert_whole(&sandbox);
}
