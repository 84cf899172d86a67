//! A tokenizer whose model is compiled and whose other parts are the `tokenizers` crate's.

use blake3::Hash;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PaddingParams, PostProcessorWrapper, PreTokenizerWrapper,
    TokenizerBuilder, TruncationParams,
};

use super::WithModel;
use super::bpe::{CompiledBpe, Options};
use super::compile::compile;
use super::tables::Tables;
use super::template;
use crate::encoder::cache::Cache;

pub(super) type CompiledTokenizer = WithModel<CompiledBpe>;

/// What is stored beside the tables.
#[derive(Deserialize)]
struct Description {
    options: Options,
    settings: Settings,
}

/// tokenizer.json without its model, as the crate reads it.
#[derive(Deserialize)]
struct Settings {
    version: Option<String>,
    truncation: Option<TruncationParams>,
    padding: Option<PaddingParams>,
    #[serde(default)]
    added_tokens: Vec<AddedTokenWithId>,
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    post_processor: Option<PostProcessorWrapper>,
    decoder: Option<DecoderWrapper>,
}

#[derive(Deserialize)]
struct AddedTokenWithId {
    /// Must be there; but the crate takes the model's id, or the next one that is free.
    #[serde(rename = "id")]
    _id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

/// The tokenizer of a tokenizer.json, out of the cache, or compiled and put there. None where `Tokenizer::from_bytes`
/// must have a look.
///
/// # Errors
/// As for [`compile`].
pub(super) fn load(json: &[u8], cache: &Cache) -> Result<Option<CompiledTokenizer>, String> {
    let source = blake3::hash(json);
    let name = format!("tokenizers/{source}.tok");
    let cached = cache.map(&name).and_then(|map| open(Box::new(map), &source));
    if cached.is_some() {
        return Ok(cached);
    }
    let tokenizer = compile(json, &source)?.and_then(|bytes| open(Box::new(bytes), &source));
    if let Some(tokenizer) = &tokenizer {
        // Where it cannot be written, it is compiled at every start.
        let _ = cache.write(&name, tokenizer.get_model().bytes());
    }
    Ok(tokenizer)
}

/// None where the file or what it describes is not as it should be.
pub(super) fn open(bytes: Box<dyn AsRef<[u8]> + Send + Sync>, source: &Hash) -> Option<CompiledTokenizer> {
    let tables = Tables::open(bytes, source)?;
    // By way of a value, since some of the crate's parts panic where the JSON breaks off in them.
    let description: Value = serde_json::from_slice(tables.description()).ok()?;
    let Description { options, settings } = serde_json::from_value(description).ok()?;
    if settings.version.is_some_and(|version| version != "1.0") {
        return None;
    }
    settings.post_processor.as_ref().map_or(Ok(()), template::check).ok()?;
    let builder = TokenizerBuilder::new()
        .with_model(CompiledBpe::new(options, tables))
        .with_truncation(settings.truncation)
        .with_padding(settings.padding)
        .with_normalizer(settings.normalizer)
        .with_pre_tokenizer(settings.pre_tokenizer)
        .with_post_processor(settings.post_processor)
        .with_decoder(settings.decoder);
    let mut tokenizer = builder.build().ok()?;
    let added = settings.added_tokens.into_iter().map(|added| added.token);
    tokenizer.add_tokens(added).ok()?;
    Some(tokenizer)
}
