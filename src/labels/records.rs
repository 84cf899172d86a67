//! What the library keeps of a bank and of each of its labels.

use serde::{Deserialize, Serialize};

use super::taxonomy::Named;
use super::{Label, PromptTemplate, Recipe, Senses, TemplateSet, With};
use crate::library::{LibraryError, Record, body_of};

/// A label bank as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BankRecord {
    /// Where the labels came from last.
    pub source: String,
    /// How labels become prompts.
    pub recipe: Recipe,
    /// What logits are divided by before they become probabilities; none where the bank was not calibrated.
    pub temperature: Option<f32>,
}

/// A bank of version 1: one template, and labels of one name not told apart.
#[derive(Deserialize)]
struct BankRecord1 {
    source: String,
    template: PromptTemplate,
}

impl Record for BankRecord {
    const WHAT: &'static str = "label bank";
    const VERSION: u8 = 2;

    fn decode_older(version: u8, body: &[u8]) -> Result<Self, LibraryError> {
        if version != 1 {
            return Err(LibraryError::Record(Self::WHAT));
        }
        let BankRecord1 { source, template } = body_of(Self::WHAT, body)?;
        let recipe = Recipe {
            templates: TemplateSet::single(template),
            with: With::default(),
            senses: Senses::Off,
        };
        Ok(Self {
            source,
            recipe,
            temperature: None,
        })
    }
}

/// Tells the prompts of one label from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    /// The beginning of the BLAKE3 of the prompts with their lengths.
    pub fn of(prompts: &[String]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for prompt in prompts {
            hasher.update(&(prompt.len() as u64).to_le_bytes());
            hasher.update(prompt.as_bytes());
        }
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Self(digest)
    }
}

/// One label, and which prompts its vector was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LabelRecord {
    /// The label.
    pub label: Label,
    /// Of the texts that were embedded; others mean another vector.
    pub digest: Digest,
}

/// What a label is called and what it is a kind of, where the record lies: the beginning of [`LabelRecord`].
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LabelNames<'r> {
    id: &'r str,
    name: &'r str,
    #[serde(borrow)]
    synonyms: Vec<&'r str>,
    _definition: &'r str,
    #[serde(borrow)]
    parents: Vec<&'r str>,
}

impl<'r> LabelNames<'r> {
    /// Of a record as [`LabelRecord::encode`] writes it now.
    pub fn of(record: &'r [u8]) -> Result<Self, LibraryError> {
        let names = match record.split_first() {
            Some((&LabelRecord::VERSION, body)) => postcard::take_from_bytes(body).ok(),
            _ => None,
        };
        let (names, _) = names.ok_or(LibraryError::Record(LabelRecord::WHAT))?;
        Ok(names)
    }
}

impl Named for LabelNames<'_> {
    fn key(&self) -> &str {
        if self.id.is_empty() { self.name } else { self.id }
    }

    fn name(&self) -> &str {
        self.name
    }

    fn synonyms(&self) -> impl Iterator<Item = &str> {
        self.synonyms.iter().copied()
    }

    fn parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().copied()
    }
}

/// A label of version 1, with the one prompt that was embedded.
#[derive(Deserialize)]
struct LabelRecord1 {
    label: Label1,
    prompt: String,
}

#[derive(Deserialize)]
struct Label1 {
    id: String,
    name: String,
    synonyms: Vec<String>,
    definition: String,
    parents: Vec<String>,
}

impl Record for LabelRecord {
    const WHAT: &'static str = "label";
    const VERSION: u8 = 2;

    fn decode_older(version: u8, body: &[u8]) -> Result<Self, LibraryError> {
        if version != 1 {
            return Err(LibraryError::Record(Self::WHAT));
        }
        let LabelRecord1 { label, prompt } = body_of(Self::WHAT, body)?;
        Ok(Self {
            label: Label {
                id: label.id,
                name: label.name,
                synonyms: label.synonyms,
                definition: label.definition,
                parents: label.parents,
                prompts: Vec::new(),
            },
            digest: Digest::of(&[prompt]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> Label {
        Label {
            id: "n1".into(),
            name: "cat".into(),
            ..Label::default()
        }
    }

    #[test]
    fn the_layout_stays_and_round_trips() {
        let record = LabelRecord {
            label: label(),
            digest: Digest(*b"0123456789abcdef"),
        };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, b"\x02\x02n1\x03cat\x00\x00\x00\x000123456789abcdef");
        assert_eq!(LabelRecord::decode(&bytes).unwrap(), record);

        let bank = BankRecord {
            source: "list.txt".into(),
            recipe: Recipe {
                templates: TemplateSet::single("{}".parse().unwrap()),
                ..Recipe::default()
            },
            temperature: Some(1.0),
        };
        let bytes = bank.encode().unwrap();
        assert_eq!(
            bytes,
            b"\x02\x08list.txt\x02{}\x01\x02{}\x00\x00\x01\x01\x00\x00\x80\x3f"
        );
        assert_eq!(BankRecord::decode(&bytes).unwrap(), bank);
    }

    #[test]
    fn names_are_those_of_the_record() {
        let label = Label {
            synonyms: vec!["puss".into(), "kitty".into()],
            definition: "it purrs".into(),
            parents: vec!["n0".into()],
            prompts: vec!["a cat".into()],
            ..label()
        };
        let digest = Digest(*b"0123456789abcdef");
        let bytes = LabelRecord { label, digest }.encode().unwrap();
        let names = LabelNames::of(&bytes).unwrap();
        assert_eq!((names.key(), names.name()), ("n1", "cat"));
        assert_eq!(names.synonyms().collect::<Vec<_>>(), ["puss", "kitty"]);
        assert_eq!(names.parents().collect::<Vec<_>>(), ["n0"]);
        assert!(LabelNames::of(&bytes[..5]).is_err() && LabelNames::of(b"\x01\x02n1").is_err());
        assert!(LabelNames::of(b"").is_err());
    }

    #[test]
    fn version_1_is_read() {
        let older = LabelRecord::decode(b"\x01\x02n1\x03cat\x00\x00\x00\x11a photo of a cat.").unwrap();
        assert_eq!(older.label, label());
        assert_eq!(older.digest, Digest::of(&["a photo of a cat.".to_owned()]));
        let bank = BankRecord::decode(b"\x01\x08list.txt\x02{}").unwrap();
        assert_eq!((bank.source.as_str(), bank.temperature), ("list.txt", None));
        assert_eq!(bank.recipe.templates.to_string(), "{}");
        assert_eq!(bank.recipe.senses, Senses::Off);
        assert!(BankRecord::decode(b"\x00\x08list.txt\x02{}").is_err());
    }

    #[test]
    fn digests_tell_prompts_apart() {
        let of = |prompts: &[&str]| Digest::of(&prompts.iter().map(|&prompt| prompt.to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
    }
}
