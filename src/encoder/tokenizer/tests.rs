//! Whatever is compiled gives what the `tokenizers` crate gives, and no file in the cache can change that.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenizers::Tokenizer;

use super::TextTokenizer;
use super::compile::compile;
use super::compiled::{self, CompiledTokenizer};
use crate::encoder::cache::Cache;
use crate::encoder::testing::{ModelDir, fixture};

/// A tokenizer as the crate parses it, as it was compiled, and as it was found in the cache.
struct Three {
    parsed: Tokenizer,
    first: CompiledTokenizer,
    second: CompiledTokenizer,
}

impl Three {
    fn new(json: &[u8]) -> Self {
        let dir = TempDir::new().unwrap();
        let load = || compiled::load(json, &Cache::at(dir.path())).unwrap().unwrap();
        let first = load();
        assert!(cached_file(&dir).exists());
        Self {
            parsed: Tokenizer::from_bytes(json).unwrap(),
            first,
            second: load(),
        }
    }

    fn fixture(name: &str) -> Self {
        Self::new(&tokenizer_json(name))
    }

    #[track_caller]
    fn assert_same(&self, text: &str) {
        let expected = self.parsed.encode_fast(text, true).unwrap();
        for tokenizer in [&self.first, &self.second] {
            let got = tokenizer.encode_fast(text, true).unwrap();
            assert_eq!(got.get_ids(), expected.get_ids(), "{text:?}");
            assert_eq!(got.get_tokens(), expected.get_tokens(), "{text:?}");
            assert_eq!(tokenizer.token_to_id(text), self.parsed.token_to_id(text));
        }
    }
}

fn tokenizer_json(name: &str) -> Vec<u8> {
    fs::read(fixture(name).join("tokenizer.json")).unwrap()
}

/// The only file in a test's cache.
fn cached_file(dir: &TempDir) -> PathBuf {
    let mut files = fs::read_dir(dir.path().join("tokenizers")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

/// Texts of all kinds: any characters, special tokens and pieces among words, very long words.
fn texts() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        4 => "[ -~]{0,20}",
        2 => "\\PC{0,12}",
        2 => any::<String>(),
        2 => proptest::sample::select(vec![
            "<|startoftext|>", "<|endoftext|>", "<pad>", "<eos>", "<unk>", "<0x41>", "</w>", "▁", "'s", " ", "\n\t", "\0",
            "photograph", "강아지", "👩‍👩‍👧", "e\u{301}", "\u{10FFFF}",
        ]).prop_map(str::to_owned),
        1 => ("[a-z0-9é猫]{1,3}", 1usize..400).prop_map(|(word, times)| word.repeat(times)),
    ];
    proptest::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

#[test]
fn published_tokenizers_give_the_same_compiled() {
    for name in ["clip-tokenizer", "made/tokenizer-byte-fallback"] {
        let three = Three::fixture(name);
        let reference: Vec<Value> =
            serde_json::from_slice(&fs::read(fixture(name).join("reference.json")).unwrap()).unwrap();
        for case in &reference {
            three.assert_same(case["text"].as_str().unwrap());
        }
        three.assert_same(&"antidisestablishmentarianism".repeat(2000));
        let vocabulary = three.parsed.get_vocab(true);
        assert_eq!(three.second.get_vocab(true), vocabulary);
        for (piece, id) in vocabulary.iter().step_by(7) {
            assert_eq!(three.second.token_to_id(piece), Some(*id));
            assert_eq!(three.second.id_to_token(*id), three.parsed.id_to_token(*id));
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let run = runner.run(&texts(), |text| {
            three.assert_same(&text);
            Ok(())
        });
        run.unwrap();
    }
}

/// A small BPE model with any of the options, whose pieces and merges are drawn from few characters, so that every case
/// of merging and of what has no piece comes up.
fn models() -> impl Strategy<Value = Value> {
    let pieces = proptest::collection::vec(any::<bool>(), 16);
    let bytes = proptest::collection::vec(any::<bool>(), 8);
    let pairs = proptest::collection::vec((any::<usize>(), any::<usize>()), 0..24);
    let affix = |affix: &'static str| proptest::option::of(proptest::sample::select(vec!["", affix]));
    let options = (
        affix("#"),
        affix("$"),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (pieces, bytes, pairs, options).prop_map(|(pieces, bytes, pairs, options)| {
        let (prefix, suffix, unknown, fuse, fallback, ignore, lines) = options;
        let (before, after) = (prefix.unwrap_or_default(), suffix.unwrap_or_default());
        let mut vocabulary = vec!["?".to_owned()];
        let mut add = |piece: String| {
            if !vocabulary.contains(&piece) {
                vocabulary.push(piece);
            }
            vocabulary.len()
        };
        let forms = "abcé".chars().flat_map(|c| {
            [
                format!("{c}"),
                format!("{before}{c}"),
                format!("{c}{after}"),
                format!("{before}{c}{after}"),
            ]
        });
        forms.zip(pieces).filter(|(_, has)| *has).for_each(|(form, _)| {
            add(form);
        });
        let codes = [0x61, 0x62, 0x63, 0xC3, 0xA9, 0xC4, 0x23, 0x24].map(|byte: u8| format!("<0x{byte:02X}>"));
        codes.into_iter().zip(bytes).filter(|(_, has)| *has).for_each(|(code, _)| {
            add(code);
        });
        let mut merges = Vec::new();
        for (left, right) in pairs {
            let piece = |at: usize| vocabulary[at % vocabulary.len()].clone();
            let (left, right) = (piece(left), piece(right));
            if let Some(rest) = right.strip_prefix(before).filter(|_| left.len() + right.len() < 12) {
                let merged = format!("{left}{rest}");
                if !vocabulary.contains(&merged) {
                    vocabulary.push(merged);
                }
                merges.push((left, right));
            }
        }
        let lines = lines.then(|| merges.iter().map(|(left, right)| format!("{left} {right}")).collect::<Vec<_>>());
        let vocabulary: serde_json::Map<String, Value> =
            vocabulary.into_iter().enumerate().map(|(id, piece)| (piece, json!(id * 3))).collect();
        json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null,
            "added_tokens": [
                {"id": 0, "content": "?", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
                {"id": 1, "content": "ca ", "single_word": false, "lstrip": false, "rstrip": true, "normalized": true, "special": false},
            ],
            "model": {
                "type": "BPE", "dropout": null, "unk_token": unknown.then_some("?"), "fuse_unk": fuse,
                "continuing_subword_prefix": prefix, "end_of_word_suffix": suffix, "byte_fallback": fallback,
                "ignore_merges": ignore, "vocab": vocabulary, "merges": lines.map_or(json!(merges), |lines| json!(lines)),
            },
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn models_of_every_option_give_the_same_compiled(
        model in models(),
        texts in proptest::collection::vec("[abcéđ?# ]{0,24}", 12),
    ) {
        let three = Three::new(model.to_string().as_bytes());
        for text in texts {
            three.assert_same(&text);
        }
    }

    #[test]
    fn a_damaged_file_is_refused_and_one_that_lies_does_no_harm(
        changes in proptest::collection::vec((any::<usize>(), 1u8..), 1..4),
        cut in proptest::option::of(any::<usize>()),
        text in "[a-z ]{0,40}",
    ) {
        let json = tokenizer_json("made/tokenizer-byte-fallback");
        let source = blake3::hash(&json);
        let whole = compile(&json, &source).unwrap().unwrap();
        let mut damaged = whole.clone();
        for (place, change) in changes {
            damaged[place % whole.len()] ^= change;
        }
        damaged.truncate(cut.map_or(whole.len(), |cut| cut % whole.len()));
        prop_assume!(damaged != whole);
        prop_assert!(compiled::open(Box::new(damaged.clone()), &source).is_none());
        // Where someone mends the checksum, it may be any tokenizer, but must not make the program fail.
        if damaged.len() >= 16 {
            let checksum = crc32fast::hash(&damaged[16..]);
            damaged[12..16].copy_from_slice(&checksum.to_le_bytes());
        }
        if let Some(tokenizer) = compiled::open(Box::new(damaged), &source) {
            let _ = tokenizer.encode_fast(text.as_str(), true);
            let _ = (tokenizer.get_vocab(true), tokenizer.id_to_token(300));
        }
    }
}

#[test]
fn a_bad_file_is_replaced_and_that_of_another_tokenizer_is_not_taken() {
    let (json, dir) = (tokenizer_json("made/tokenizer-byte-fallback"), TempDir::new().unwrap());
    let load = |json: &[u8]| compiled::load(json, &Cache::at(dir.path())).unwrap().unwrap();
    load(&json);
    let file = cached_file(&dir);
    let whole = fs::read(&file).unwrap();
    let other = compile(&json, &blake3::hash(b"another")).unwrap().unwrap();
    for bad in [&[], &whole[..whole.len() - 1], &other] {
        fs::write(&file, bad).unwrap();
        assert_eq!(
            load(&json).encode_fast("a cat", true).unwrap().get_ids().last(),
            Some(&1)
        );
        assert_eq!(fs::read(cached_file(&dir)).unwrap(), whole);
    }
}

#[test]
fn without_a_place_for_the_file_nothing_else_changes() {
    let json = tokenizer_json("made/tokenizer-byte-fallback");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for cache in [Cache::default(), Cache::at(&file)] {
        assert!(compiled::load(&json, &cache).unwrap().is_some());
    }
}

#[test]
fn what_cannot_be_compiled_is_left_to_the_crate() {
    let base: Value = serde_json::from_slice(&tokenizer_json("made/tokenizer-byte-fallback")).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut json = base.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        json.to_string().into_bytes()
    };
    let left = [
        tokenizer_json("made/tokenizer-unigram"),
        with("/model/dropout", json!(0.1)),
        with("/model/vocab/<bos>", json!(1)),
        with("/model/unk_token", json!("<none>")),
        with("/model/type", json!("WordPiece")),
        with("/model/merges", json!(["a b c"])),
        with("/version", json!("2.0")),
        with("/post_processor/special_tokens", json!({})),
        with("/normalizer", json!({"type": "Unheard-of"})),
        with("/added_tokens/0", json!({"content": "<pad>"})),
        b"no JSON".to_vec(),
    ];
    let dir = TempDir::new().unwrap();
    for json in left {
        assert!(compiled::load(&json, &Cache::at(dir.path())).unwrap().is_none());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_merge_of_what_is_no_piece_is_an_error() {
    let dir = ModelDir::copy("siglip");
    for (merge, prefix) in [(["a", "nothing"], ""), (["<pad>", "<eos>"], ""), (["a", "b"], "##")] {
        let mut json: Value = serde_json::from_slice(&tokenizer_json("made/tokenizer-byte-fallback")).unwrap();
        json["model"]["merges"] = json!([merge]);
        json["model"]["continuing_subword_prefix"] = json!(prefix);
        dir.write("tokenizer.json", json.to_string().as_bytes());
        let message = TextTokenizer::load(&dir.checkpoint(), 64).err().unwrap().to_string();
        assert!(
            message.contains("tokenizer.json") && message.contains(merge[1]),
            "{message}"
        );
    }
}

#[test]
fn a_template_of_what_is_no_special_token_is_an_error() {
    let dir = ModelDir::copy("siglip");
    for name in ["made/tokenizer-byte-fallback", "made/tokenizer-unigram"] {
        let mut json: Value = serde_json::from_slice(&tokenizer_json(name)).unwrap();
        json["post_processor"] = json!({
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<end>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {},
        });
        dir.write("tokenizer.json", json.to_string().as_bytes());
        let message = TextTokenizer::load(&dir.checkpoint(), 64).err().unwrap().to_string();
        assert!(
            message.contains("tokenizer.json") && message.contains("<end>"),
            "{message}"
        );
    }
}

#[test]
fn a_normalizer_that_breaks_down_at_a_text_is_an_error() {
    let dir = ModelDir::copy("siglip");
    let mut json: Value = serde_json::from_slice(&tokenizer_json("made/tokenizer-unigram")).unwrap();
    // A trie of 4 bytes, one node, in which no letter is found.
    json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAA="});
    dir.write("tokenizer.json", json.to_string().as_bytes());
    let tokenizer = TextTokenizer::load(&dir.checkpoint(), 64).unwrap();
    let message = tokenizer.ids("a cat").unwrap_err().to_string();
    assert!(
        message.contains("tokenizer.json") && message.contains("damaged"),
        "{message}"
    );
}
