//! Copies of photographs are found, and other photographs of the same things are none.

use std::fs;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};

use crate::output::{golden, settled};
use crate::sandbox::{Sandbox, sample};

fn open(name: &str) -> DynamicImage {
    image::open(sample(name)).unwrap()
}

fn jpeg(image: &DynamicImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(&image.to_rgb8())
        .unwrap();
    bytes
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Half the width and height.
fn halved(image: &DynamicImage) -> DynamicImage {
    image.resize(image.width() / 2, image.height() / 2, FilterType::Triangle)
}

/// Without 4% of the width and of the height.
fn cropped(image: &DynamicImage) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    image.crop_imm(width / 50, height / 50, width * 24 / 25, height * 24 / 25)
}

#[test]
fn groups_and_their_format() {
    let sandbox = Sandbox::with_samples(&["cat.jpg", "coffee-cup.jpg", "shoes-1.jpg", "shoes-2.jpg"]);
    assert_eq!(sandbox.run(["dups"]).code, Some(2), "there is no library");
    sandbox.index();
    let nothing = sandbox.run(["dups", "--json"]);
    assert_eq!(nothing.code, Some(1), "{}", nothing.stdout);
    assert_eq!(nothing.stdout, "{\n  \"schema\": 1,\n  \"groups\": []\n}\n");

    fs::create_dir(sandbox.photo("more")).unwrap();
    fs::copy(sandbox.photo("coffee-cup.jpg"), sandbox.photo("more/cup.jpg")).unwrap();
    fs::write(sandbox.photo("more/cat.png"), png(&halved(&open("cat.jpg")))).unwrap();
    fs::write(sandbox.photo("more/cat.jpg"), jpeg(&cropped(&open("cat.jpg")), 60)).unwrap();
    sandbox.index();
    let document = settled(&sandbox, &sandbox.ok(["dups", "--json"]));
    // Sizes of files and the last bits of hashes depend on the encoders of the test.
    golden("dups.json", &without(&document, &["bytes", "distance", "similarity"]));

    let exact = sandbox.ok(["dups", "--exact"]);
    assert_eq!(exact.lines().count(), 2, "{exact}");
    assert!(exact.starts_with(" best  photos/coffee-cup.jpg  (") && exact.ends_with(" same  photos/more/cup.jpg\n"));
    let table = sandbox.ok(["dups"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with(" best  photos/cat.jpg  ("), "{table}");
    assert!(lines[1].starts_with("0.9") && lines[2].starts_with("0.9"), "{table}");
    assert!(sandbox.photo("more/cat.png").exists(), "nothing is deleted");
}

/// A document with these numbers set to zero.
fn without(document: &str, fields: &[&str]) -> String {
    let is_one = |line: &str| {
        fields
            .iter()
            .any(|field| line.trim_start().starts_with(&format!("\"{field}\":")))
    };
    let line = |line: &str| {
        let end = if line.ends_with(',') { "," } else { "" };
        match line.split_once(": ") {
            Some((name, _)) if is_one(line) => format!("{name}: 0{end}\n"),
            _ => format!("{line}\n"),
        }
    };
    document.lines().map(line).collect()
}

#[test]
fn copies_of_every_sample_are_found_and_no_two_samples_are_copies() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = fs::read_dir(sample("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    for name in &names {
        fs::copy(sample(name), sandbox.photo(name)).unwrap();
        let stem = name.trim_end_matches(".jpg");
        fs::write(
            sandbox.photo(&format!("{stem}.small.jpg")),
            jpeg(&halved(&open(name)), 85),
        )
        .unwrap();
        fs::write(sandbox.photo(&format!("{stem}.again.jpg")), jpeg(&open(name), 40)).unwrap();
        fs::write(
            sandbox.photo(&format!("{stem}.crop.jpg")),
            jpeg(&cropped(&open(name)), 90),
        )
        .unwrap();
    }
    sandbox.index();
    let document = sandbox.json(["dups", "--json"]);
    let mut found = 0;
    for group in document["groups"].as_array().unwrap() {
        let paths = group["photos"].as_array().unwrap().iter();
        let stems: Vec<&str> = paths
            .map(|photo| photo["path"].as_str().unwrap().rsplit('/').next().unwrap())
            .map(|name| name.split('.').next().unwrap())
            .collect();
        assert!(stems.iter().all(|stem| *stem == stems[0]), "{stems:?}");
        found += stems.len() - 1;
    }
    assert!(found * 100 >= 3 * names.len() * 95, "{found} of {}", 3 * names.len());
}
