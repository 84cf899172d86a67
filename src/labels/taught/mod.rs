//! How example pictures change what an image is recognised as.

mod gap;
mod prototype;
mod tip_adapter;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clipdex_index::{ItemId, Rows};
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

use super::examples::{ExamplesRecord, space_name, stored_examples};
use super::{Bank, LabelError};
use crate::library::{Library, Record};
use gap::Gap;
use prototype::Prototype;
use tip_adapter::Cache;

/// Labels of a bank whose texts are looked at to see how texts lie to images.
const TEXTS: usize = 256;

/// Examples of a label that are compared with all others.
const RIVALRIES: usize = 4;

/// How examples teach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The mean of the examples mixed with the text, the more of it the more examples there are.
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
    /// The best cosine that another label has with an example, in the mean over the examples: what the label has to
    /// have more than to be recognised.
    pub rival: f32,
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
    /// Learns from examples. How images lie to one another and to texts is seen from `backdrop`, images that show anything
    /// at all, together with an example of each label, and from `texts`, the vectors of any labels of the bank, together
    /// with those that are taught; both may be empty.
    pub fn new(method: Method, lessons: &[Lesson], backdrop: &[Vec<f32>], texts: &[Vec<f32>]) -> Self {
        let examples = lessons.iter().filter_map(|lesson| lesson.examples.first());
        let images: Vec<&[f32]> = backdrop.iter().chain(examples).map(Vec::as_slice).collect();
        let texts: Vec<&[f32]> = texts
            .iter()
            .chain(lessons.iter().map(|lesson| &lesson.text))
            .map(Vec::as_slice)
            .collect();
        let gap = Gap::measure(&images, &texts);
        let scorer = |lesson: &Lesson| match method {
            Method::Prototype => Scorer::Prototype(Prototype::new(lesson, &gap)),
            Method::TipAdapter => Scorer::Cache(Cache::new(lesson, &gap)),
        };
        let mut labels: Vec<_> = lessons.iter().map(|lesson| (lesson.label, scorer(lesson))).collect();
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
    /// What the bank's examples taught it, by the method that was chosen for them. `labels` are the vectors of the bank.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn taught(&self, library: &Library, labels: &Rows) -> Result<Taught, LabelError> {
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
                && let Ok(place) = labels.ids().binary_search(&label)
            {
                let text = labels.row(place).to_f32_vec();
                let rival = rival(labels, label, &examples)?;
                lessons.push(Lesson {
                    label,
                    text,
                    examples,
                    rival,
                });
            }
        }
        if lessons.is_empty() {
            return Ok(Taught::default());
        }
        Ok(Taught::new(method, &lessons, &backdrop, &some_vectors(labels)))
    }
}

/// [`Lesson::rival`], from some of the examples, evenly.
fn rival(labels: &Rows, label: ItemId, examples: &[Vec<f32>]) -> Result<f32, LabelError> {
    let step = examples.len().div_ceil(RIVALRIES).max(1);
    let examples: Vec<_> = examples.iter().step_by(step).collect();
    let bests = labels.dot_many(&examples)?.into_iter().map(|cosines| {
        let others = labels.ids().iter().zip(cosines).filter(|(id, _)| **id != label);
        others.map(|(_, cosine)| cosine).fold(-1.0, f32::max)
    });
    Ok(bests.sum::<f32>() / examples.len() as f32)
}

/// Vectors of labels all over a bank: as many as it is asked for, or all that there are.
fn some_vectors(labels: &Rows) -> Vec<Vec<f32>> {
    let wanted = labels.len().min(TEXTS);
    let places = (0..wanted).map(|place| place * labels.len() / wanted);
    places.map(|place| labels.row(place).to_f32_vec()).collect()
}

/// Of no vectors there is none.
fn mean(vectors: &[&[f32]]) -> Vec<f32> {
    let mut sum = vec![0.0; vectors.first().map_or(0, |vector| vector.len())];
    for vector in vectors {
        sum.iter_mut().zip(*vector).for_each(|(sum, value)| *sum += value);
    }
    sum.iter_mut().for_each(|sum| *sum /= vectors.len() as f32);
    sum
}

/// Adds values to what is hashed.
fn feed(hasher: &mut blake3::Hasher, values: &[f32]) {
    for value in values {
        hasher.update(&value.to_le_bytes());
    }
}
