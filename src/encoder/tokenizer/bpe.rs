//! Byte pair encoding (Sennrich et al., 2016) over compiled tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::BpeTrainer;
use tokenizers::{Model, Result, Token};

use super::tables::Tables;
use super::word::Word;

/// What tokenizer.json says of its model besides pieces and merges.
#[derive(Deserialize, Serialize)]
pub(super) struct Options {
    /// The id that stands for what has no piece; without one, that is left out.
    pub(super) unknown: Option<u32>,
    /// Whether an unknown character becomes one with the unknown ones before it.
    pub(super) fuse_unknown: bool,
    /// Whether the pieces `<0x00>` to `<0xFF>` stand for the bytes of what has no piece.
    pub(super) byte_fallback: bool,
    /// Whether a word that is a piece is that piece, whatever the merges make of it.
    pub(super) ignore_merges: bool,
    /// What stands before every character but a word's first.
    pub(super) prefix: String,
    /// What stands after a word's last character.
    pub(super) suffix: String,
}

/// A model that gives what `tokenizers::models::bpe::BPE` without dropout gives, and loads at once.
pub(super) struct CompiledBpe {
    options: Options,
    tables: Tables,
}

impl CompiledBpe {
    pub(super) fn new(options: Options, tables: Tables) -> Self {
        Self { options, tables }
    }

    /// The tables' file.
    pub(super) fn bytes(&self) -> &[u8] {
        self.tables.bytes()
    }

    /// The pieces of a word's characters.
    fn characters(&self, word: &str) -> Word {
        let mut symbols = Word::default();
        // Bytes of unknown characters that are not among the symbols yet.
        let mut unknown = 0;
        let mut piece = String::new();
        for (start, character) in word.char_indices() {
            let len = character.len_utf8();
            piece.clear();
            if start > 0 {
                piece.push_str(&self.options.prefix);
            }
            piece.push(character);
            if start + len == word.len() {
                piece.push_str(&self.options.suffix);
            }
            if let Some(id) = self.tables.id_of(&piece) {
                self.push_unknown(&mut unknown, &mut symbols);
                symbols.push(id, len);
            } else if let Some(ids) = self.byte_pieces(&piece) {
                // Unknown characters before these come after them: that is what the crate does.
                ids.into_iter().for_each(|id| symbols.push(id, 1));
            } else {
                if !self.options.fuse_unknown {
                    self.push_unknown(&mut unknown, &mut symbols);
                }
                unknown += len;
            }
        }
        self.push_unknown(&mut unknown, &mut symbols);
        symbols
    }

    fn push_unknown(&self, len: &mut usize, symbols: &mut Word) {
        let len = std::mem::take(len);
        if let Some(id) = self.options.unknown.filter(|_| len > 0) {
            symbols.push(id, len);
        }
    }

    /// The pieces of the bytes, where all have one.
    fn byte_pieces(&self, piece: &str) -> Option<Vec<u32>> {
        let ids = piece.bytes().map(|byte| self.tables.id_of(&format!("<0x{byte:02X}>")));
        self.options.byte_fallback.then(|| ids.collect())?
    }
}

impl Model for CompiledBpe {
    type Trainer = BpeTrainer;

    fn tokenize(&self, word: &str) -> Result<Vec<Token>> {
        let whole = self.options.ignore_merges.then(|| self.tables.id_of(word)).flatten();
        if let Some(id) = whole.filter(|_| !word.is_empty()) {
            return Ok(vec![Token::new(id, word.to_owned(), (0, word.len()))]);
        }
        let mut symbols = self.characters(word);
        symbols.merge(|left, right| self.tables.merge_of(left, right));
        let tokens = symbols.pieces().scan(0, |end, (id, len)| {
            let start = *end;
            *end += len;
            Some(Token::new(id, self.id_to_token(id).unwrap_or_default(), (start, *end)))
        });
        Ok(tokens.collect())
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tables.id_of(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.tables.piece_of(id).map(str::to_owned)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.tables.pieces().map(|(piece, id)| (piece.to_owned(), id)).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.tables.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> Result<Vec<PathBuf>> {
        Err("a compiled model cannot be saved; its tokenizer.json is what it was made of".into())
    }

    fn get_trainer(&self) -> BpeTrainer {
        BpeTrainer::default()
    }
}
