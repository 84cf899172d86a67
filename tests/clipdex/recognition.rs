//! `classify` with all that it can be asked, `label calibrate`, `similar --text`.

use std::fs;

use serde_json::Value;

use crate::output::{golden, settled};
use crate::sandbox::{Sandbox, sample};

/// Things with what they are kinds of; the starter tells them apart on the sample photographs.
pub const THINGS: &str = "id\tname\tsynonyms\tdefinition\tparents\n\
    animal\tanimal\t\t\t\n\
    cat\ttabby cat\tmouser\t\tanimal|pet\n\
    dog\tdog\t\t\tanimal|pet\n\
    motorcycle\tmotorcycle\tmotorbike\t\tvehicle\n\
    car\tcar\t\t\tvehicle\n\
    cup\tespresso\t\t\tdrink\n\
    crane-1\tcrane\t\ta bird\tanimal\n\
    crane-2\tcrane\t\ta machine\tvehicle\n";

pub fn with_things(names: &[&str]) -> Sandbox {
    let sandbox = Sandbox::with_samples(names);
    sandbox.index();
    let list = sandbox.file("things.tsv", THINGS);
    sandbox.ok(["label", "add", "things", list.to_str().unwrap()]);
    sandbox
}

fn classify(sandbox: &Sandbox, options: &[&str]) -> Value {
    let args = ["classify", "photos/cat.jpg", "--labels", "things", "--json"];
    sandbox.json(args.iter().chain(options))["images"][0].take()
}

fn probability(row: &Value) -> f64 {
    row["probability"].as_f64().unwrap()
}

fn sum(image: &Value) -> f64 {
    image["predictions"].as_array().unwrap().iter().map(probability).sum()
}

#[test]
fn a_temperature_sharpens_probabilities_and_changes_no_order() {
    let sandbox = with_things(&["cat.jpg"]);
    let names = |image: &Value| -> Vec<String> {
        let rows = image["predictions"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let (own, sharp) = (
        classify(&sandbox, &["-k", "9"]),
        classify(&sandbox, &["-k", "9", "--temperature", "0.1"]),
    );
    assert_eq!(names(&own), names(&sharp));
    assert!(probability(&sharp["predictions"][0]) > probability(&own["predictions"][0]));
    assert!((sum(&sharp) - 1.0).abs() < 1e-4);
    for wrong in ["0", "-1", "nan", "cold"] {
        let run = sandbox.run([
            "classify",
            "photos/cat.jpg",
            "--labels",
            "things",
            "--temperature",
            wrong,
        ]);
        assert_eq!(run.code, Some(2), "{wrong}");
    }
}

#[test]
fn none_of_these_is_said() {
    let sandbox = with_things(&["cat.jpg"]);
    let image = classify(&sandbox, &["-k", "9", "--none"]);
    assert!((sum(&image) + image["none"].as_f64().unwrap() - 1.0).abs() < 1e-4);
    let image = classify(&sandbox, &["--none", "--under", "vehicle"]);
    let none = image["none"].as_f64().unwrap();
    assert!(
        none > probability(&image["predictions"][0]),
        "a cat is no vehicle: {image}"
    );
    let base = ["classify", "photos/cat.jpg", "--labels", "things"];
    let table = sandbox.ok(base.iter().chain(&["--none", "--under", "vehicle"]));
    assert!(table.lines().nth(1).unwrap().ends_with("none of these"), "{table}");
    let csv = sandbox.ok(base.iter().chain(&["--none", "--csv"]));
    assert!(csv.contains(",,,none of these,0."), "{csv}");

    let nothing = sandbox.run(base.iter().chain(&["--min-prob", "1"]));
    assert_eq!(nothing.code, Some(1));
    assert_eq!(nothing.stdout, "photos/cat.jpg\n           no label is likely enough\n");
    let some = classify(&sandbox, &["-k", "9", "--min-prob", "0.2"]);
    assert!(
        some["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| probability(row) >= 0.2)
    );
}

#[test]
fn the_hierarchy_answers_as_specifically_as_it_is_sure() {
    let sandbox = with_things(&["cat.jpg"]);
    let answer = |options: &[&str]| classify(&sandbox, &[&["--hierarchy"], options].concat())["hierarchy"].take();
    let sharp = ["--temperature", "0.05"];
    let cat = answer(&sharp);
    assert_eq!(cat["answer"]["id"], "cat", "{cat}");
    assert_eq!(cat["path"][0]["id"], "animal", "by the first parent");
    assert!(probability(&cat["path"][0]) >= probability(&cat["path"][1]));
    // Of animal and pet, which many labels are below, one is sure where the cat is not.
    let vague = answer(&["--temperature", "0.4", "--confidence", "0.7"]);
    assert!(probability(&vague["answer"]) >= 0.7 - 1e-6, "{vague}");
    let nothing = sandbox.run([
        "classify",
        "photos/cat.jpg",
        "--labels",
        "things",
        "--hierarchy",
        "--confidence",
        "1",
    ]);
    assert_eq!(
        nothing.code,
        Some(1),
        "the things have no common root: {}",
        nothing.stdout
    );
    assert!(nothing.stdout.contains("nothing is certain enough"));
    let args = [
        "classify",
        "photos/cat.jpg",
        "--labels",
        "things",
        "--hierarchy",
        "--temperature",
        "0.05",
    ];
    golden(
        "classify-hierarchy.json",
        &settled(&sandbox, &sandbox.ok(args.iter().chain(&["--json", "-k", "2"]))),
    );
    let table = sandbox.ok(args);
    assert!(
        table.contains("%  tabby cat  (cat)") && table.contains("animal 1"),
        "{table}"
    );
}

#[test]
fn recognition_stays_below_a_label() {
    let sandbox = with_things(&["cat.jpg"]);
    let image = classify(&sandbox, &["-k", "9", "--under", "vehicle"]);
    assert_eq!(
        image["predictions"].as_array().unwrap().len(),
        3,
        "car, motorcycle and one of the cranes"
    );
    assert!((sum(&image) - 1.0).abs() < 1e-4);
    for by in ["motorcycle", "Motorbike"] {
        let one = classify(&sandbox, &["--under", by]);
        assert_eq!(probability(&one["predictions"][0]), 1.0, "{by}");
    }
    let refused = |under: &str| {
        let run = sandbox.run(["classify", "photos/cat.jpg", "--labels", "things", "--under", under]);
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        run.stderr
    };
    let ambiguous = refused("crane");
    assert!(
        ambiguous.contains("crane-1 (a bird)") && ambiguous.contains("crane-2 (a machine)"),
        "{ambiguous}"
    );
    assert!(refused("unicorn").contains("'unicorn'"));
}

#[test]
fn labels_in_a_circle_are_refused_where_it_matters() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let list = sandbox.file("circle.tsv", "id\tname\tparents\na\tcat\tb\nb\tdog\ta\n");
    sandbox.ok(["label", "add", "circle", list.to_str().unwrap()]);
    sandbox.ok(["classify", "photos/cat.jpg", "--labels", "circle"]);
    let run = sandbox.run(["classify", "photos/cat.jpg", "--labels", "circle", "--hierarchy"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("'cat'") && run.stderr.contains("'dog'"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_bank_is_calibrated_on_labelled_photographs() {
    let sandbox = Sandbox::new();
    sandbox.index();
    let list = sandbox.file("clothes.txt", "dress\nhat\nshoes\npants\nskirt\n");
    sandbox.ok(["label", "add", "clothes", list.to_str().unwrap()]);
    let labelled = sandbox.library().with_file_name("labelled");
    for (label, count) in [("dress", 4), ("hat", 4), ("shoes", 4), ("pants", 3), ("skirt", 3)] {
        fs::create_dir_all(labelled.join(label)).unwrap();
        for number in 1..=count {
            let name = format!("{label}-{number}.jpg");
            fs::copy(sample(&name), labelled.join(label).join(name)).unwrap();
        }
    }
    fs::create_dir(labelled.join("umbrella")).unwrap();
    let run = sandbox.run(["label", "calibrate", "clothes", labelled.to_str().unwrap(), "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("umbrella"), "{}", run.stderr);
    let fitted: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(fitted["photos"], 18);
    let of = |when: &str, what: &str| fitted[when][what].as_f64().unwrap();
    assert_eq!(of("before", "accuracy"), of("after", "accuracy"));
    assert!((0.0..0.5).contains(&of("after", "calibration_error")), "{fitted}");

    // What was found goes for the bank from now on, unless another temperature is asked for.
    let dress = labelled.join("dress/dress-1.jpg");
    let first = |options: &[&str]| {
        let args = ["classify", dress.to_str().unwrap(), "--labels", "clothes", "--json"];
        let answer = sandbox.json(args.iter().chain(options));
        probability(&answer["images"][0]["predictions"][0])
    };
    let temperature = fitted["temperature"].to_string();
    assert!((first(&[]) - first(&["--temperature", &temperature])).abs() < 1e-6);
    assert!((first(&[]) - first(&["--temperature", "1"])).abs() > 1e-3);
    let empty = sandbox.run(["label", "calibrate", "clothes", "photos"]);
    assert_eq!(empty.code, Some(2));
    assert!(empty.stderr.contains("IDENTIFIER_anything.jpg"), "{}", empty.stderr);
}

#[test]
fn texts_are_found_for_a_picture() {
    let sandbox = Sandbox::with_samples(&["cat.jpg"]);
    sandbox.index();
    let captions = sandbox.file(
        "captions.txt",
        "A cat looks into the camera.\nA motorcycle stands in front of a wall.\nA cup of coffee on a table.\n",
    );
    sandbox.ok(["label", "add", "captions", captions.to_str().unwrap()]);
    let sentence = "A cup of coffee on a table.";
    let shown = sandbox.json(["label", "show", "captions", sentence, "--json"]);
    assert_eq!(shown[0]["texts"][0], sentence, "in no template");
    let cup = sample("coffee-cup.jpg");
    let found = sandbox.json([
        "similar",
        cup.to_str().unwrap(),
        "--text",
        "captions",
        "--json",
        "-k",
        "2",
    ]);
    assert_eq!(found["results"][0]["text"], "A cup of coffee on a table.");
    assert_eq!(found["results"].as_array().unwrap().len(), 2);
    let table = sandbox.ok(["similar", "photos/cat.jpg", "--text", "captions", "-k", "1"]);
    assert!(
        table.starts_with("  1  0.") && table.ends_with("  A cat looks into the camera.\n"),
        "{table}"
    );
    let csv = sandbox.ok(["similar", "photos/cat.jpg", "--text", "captions", "--csv"]);
    assert_eq!(csv.lines().count(), 4);
    assert_eq!(
        sandbox
            .run(["similar", "photos/cat.jpg", "--text", "captions", "--exact"])
            .code,
        Some(2)
    );
}
