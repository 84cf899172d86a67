//! How example pictures change what an image is recognised as.

mod prototype;
mod tip_adapter;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clipdex_index::ItemId;
use serde::{Deserialize, Serialize};

use super::examples::{ExamplesRecord, space_name, stored_examples};
use super::{Bank, LabelError};
use crate::encoder::Identity;
use crate::library::{Library, Record};
use prototype::{Prototype, Surroundings};
use tip_adapter::Cache;

/// How examples teach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The mean of the examples' vectors beside the text's, the more the more examples there are (Snell et al., NeurIPS
    /// 2017, in the space of a model that knows texts).
    #[default]
    Prototype,
    /// Tip-Adapter without training (Zhang et al., ECCV 2022): every example that the image is near to adds to its label.
    TipAdapter,
}

impl FromStr for Method {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let all = [Self::Prototype, Self::TipAdapter];
        let named = all.into_iter().find(|method| method.to_string() == text);
        named.ok_or_else(|| LabelError::Choice {
            given: text.to_owned(),
            known: "prototype, tip-adapter",
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prototype => "prototype",
            Self::TipAdapter => "tip-adapter",
        })
    }
}

/// A label that was taught.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// The label's item in its bank.
    pub label: ItemId,
    /// Unit vector of its prompts.
    pub text: Vec<f32>,
    /// Unit vectors of its examples, at least one.
    pub examples: Vec<Vec<f32>>,
}

/// The labels of a bank that were taught by examples, ready to be compared with images.
#[derive(Clone, Debug, Default)]
pub struct Taught {
    /// In the order of their items.
    labels: Vec<(ItemId, Scorer)>,
}

#[derive(Clone, Debug)]
enum Scorer {
    Prototype(Prototype),
    Cache(Cache),
}

impl Taught {
    /// Learns from examples. `backdrop` is unit vectors of images that show anything at all, as many as there are: how near
    /// they lie to texts and to examples says what a cosine with an example means. `scale` is the model's logit scale.
    pub fn new(method: Method, scale: f32, lessons: &[Lesson], backdrop: &[Vec<f32>]) -> Self {
        let mut labels: Vec<_> = match method {
            Method::Prototype => {
                let surroundings = Surroundings::new(lessons, backdrop);
                let prototypes = Prototype::learn(lessons, &surroundings);
                let scorers = prototypes.into_iter().map(Scorer::Prototype);
                lessons.iter().map(|lesson| lesson.label).zip(scorers).collect()
            }
            Method::TipAdapter => {
                let cache = |lesson: &Lesson| (lesson.label, Scorer::Cache(Cache::new(lesson, scale)));
                lessons.iter().map(cache).collect()
            }
        };
        labels.sort_unstable_by_key(|(label, _)| *label);
        Self { labels }
    }

    /// Whether no label was taught.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Puts the scores of the taught labels in the place of their cosines with a unit image vector. `labels` are items of
    /// the bank, ascending, and `cosines` theirs with the image, in this order. A score is on a par with a cosine.
    pub fn adjust(&self, image: &[f32], labels: &[ItemId], cosines: &mut [f32]) {
        for (label, scorer) in &self.labels {
            if let Ok(place) = labels.binary_search(label)
                && let Some(cosine) = cosines.get_mut(place)
            {
                *cosine = match scorer {
                    Scorer::Prototype(prototype) => prototype.score(image, *cosine),
                    Scorer::Cache(cache) => cache.score(image, *cosine),
                };
            }
        }
    }

    /// Tells what was taught from everything else that might have been: equal only where [`Taught::adjust`] does the same.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (label, scorer) in &self.labels {
            hasher.update(&label.to_le_bytes());
            match scorer {
                Scorer::Prototype(prototype) => prototype.feed(&mut hasher),
                Scorer::Cache(cache) => cache.feed(&mut hasher),
            }
        }
        *hasher.finalize().as_bytes()
    }
}

impl Bank {
    /// What the bank's examples taught it, by the method that was chosen for them.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn taught(&self, library: &Library, encoder: &Identity) -> Result<Taught, LabelError> {
        let index = library.index();
        let Some(space) = index.space(&space_name(self.name()))? else {
            return Ok(Taught::default());
        };
        let method = ExamplesRecord::decode(&space.attributes)?.method;
        let mut backdrop = Vec::new();
        let mut examples: BTreeMap<String, Vec<Vec<f32>>> = BTreeMap::new();
        for example in stored_examples(index, &space)? {
            let Some(vector) = index.vector(space.id, example.item)? else {
                continue;
            };
            if example.is_backdrop() {
                backdrop.push(vector);
            } else {
                examples.entry(example.record.label).or_default().push(vector);
            }
        }
        let mut lessons = Vec::new();
        for (key, examples) in examples {
            if let Some(label) = index.id_of_key(self.space().id, key.as_bytes())?
                && let Some(text) = index.vector(self.space().id, label)?
            {
                lessons.push(Lesson { label, text, examples });
            }
        }
        Ok(Taught::new(method, encoder.logit_scale, &lessons, &backdrop))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds values to what is hashed.
fn feed(hasher: &mut blake3::Hasher, values: &[f32]) {
    for value in values {
        hasher.update(&value.to_le_bytes());
    }
}
