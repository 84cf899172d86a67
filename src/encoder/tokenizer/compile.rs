//! tokenizer.json to compiled tables.

use std::collections::{BTreeMap, HashMap};

use blake3::Hash;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::bpe::Options;
use super::tables::{Merge, encode};

/// tokenizer.json, as far as it can be compiled.
#[derive(Deserialize)]
struct File {
    model: Bpe,
    /// The rest, which the `tokenizers` crate reads.
    #[serde(flatten)]
    settings: Map<String, Value>,
}

/// The model, with the fields that `tokenizers::models::bpe::BPE` has.
#[derive(Deserialize)]
struct Bpe {
    #[serde(rename = "type")]
    kind: String,
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
    vocab: HashMap<String, u32>,
    merges: Merges,
}

type MergesByIds = BTreeMap<(u32, u32), Merge>;

/// The merges by rank, as newer and as older files write them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merges {
    Pairs(Vec<(String, String)>),
    Lines(Vec<String>),
}

/// Compiles a tokenizer.json; `source` is its BLAKE3. None where it must be left to the `tokenizers` crate: where it
/// has another model than BPE, where its model does not always do the same (dropout), where it is ambiguous, and where
/// it is damaged.
///
/// # Errors
/// What is wrong with a merge, for people. The crate would not always survive it.
pub(super) fn compile(json: &[u8], source: &Hash) -> Result<Option<Vec<u8>>, String> {
    let Ok(File { model, settings }) = serde_json::from_slice(json) else {
        return Ok(None);
    };
    if model.kind != "BPE" {
        return Ok(None);
    }
    let Some(pairs) = model.merges.pairs() else {
        return Ok(None);
    };
    let merges = model.merges_by_ids(&pairs)?;
    let Some(options) = model.options() else {
        return Ok(None);
    };
    let mut pieces: Vec<_> = model.vocab.iter().map(|(piece, id)| (*id, piece.as_str())).collect();
    pieces.sort_unstable();
    if pieces.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Ok(None);
    }
    let description = json!({"options": options, "settings": settings}).to_string();
    Ok(encode(source, description.as_bytes(), &pieces, merges.into_iter()))
}

impl Bpe {
    /// None for options that cannot be compiled.
    fn options(&self) -> Option<Options> {
        let unknown = match &self.unk_token {
            Some(token) => Some(*self.vocab.get(token)?),
            None => None,
        };
        self.dropout.is_none().then(|| Options {
            unknown,
            fuse_unknown: self.fuse_unk.unwrap_or_default(),
            byte_fallback: self.byte_fallback.unwrap_or_default(),
            ignore_merges: self.ignore_merges.unwrap_or_default(),
            prefix: self.continuing_subword_prefix.clone().unwrap_or_default(),
            suffix: self.end_of_word_suffix.clone().unwrap_or_default(),
        })
    }

    /// What becomes of which pair of ids. A pair that is listed twice has its last rank, as in the crate.
    fn merges_by_ids(&self, pairs: &[(&str, &str)]) -> Result<MergesByIds, String> {
        let prefix = self.continuing_subword_prefix.as_ref().map_or(0, String::len);
        let mut merged = String::new();
        let mut merge_of = |rank: usize, left: &str, right: &str| {
            merged.clear();
            merged.push_str(left);
            merged.push_str(right.get(prefix..)?);
            let id_of = |piece: &str| self.vocab.get(piece).copied();
            let (rank, id) = (u32::try_from(rank).ok()?, id_of(&merged)?);
            Some(((id_of(left)?, id_of(right)?), Merge { rank, id }))
        };
        let merges = pairs.iter().enumerate().map(|(rank, (left, right))| {
            merge_of(rank, left, right)
                .ok_or_else(|| format!("it merges {left:?} and {right:?}, and has not all three pieces"))
        });
        merges.collect()
    }
}

impl Merges {
    /// Left and right pieces; none where a line does not have two.
    fn pairs(&self) -> Option<Vec<(&str, &str)>> {
        match self {
            Self::Pairs(pairs) => Some(
                pairs
                    .iter()
                    .map(|(left, right)| (left.as_str(), right.as_str()))
                    .collect(),
            ),
            Self::Lines(lines) => {
                let lines = lines.iter().filter(|line| !line.starts_with("#version"));
                let pairs = lines.map(|line| line.split_once(' ').filter(|(_, right)| !right.contains(' ')));
                pairs.collect()
            }
        }
    }
}
