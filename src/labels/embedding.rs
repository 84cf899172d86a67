//! Labels' prompts to labels' vectors, some at a time.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use clipdex_index::{Batch, Space, Writer};

use super::prompts::{Phrase, Prompts};
use super::records::{Digest, LabelRecord};
use super::{Label, LabelError, Recipe, WorkProgress};
use crate::encoder::{Embeddings, TextEncoder};
use crate::library::Record;

/// Prompts that are embedded and committed together: a killed run loses at most these and those of one more label.
const PROMPTS_A_COMMIT: usize = 1024;

/// Prompts that are embedded before it is asked for the first time whether to stop, and twice as many each time as long as
/// that takes less than [`SOON`].
const FIRST_PROMPTS: usize = 32;

/// A run that is to stop goes on for about twice as long at most.
const SOON: Duration = Duration::from_millis(400);

/// Labels that are committed together, where they have few prompts between them.
const LABELS_A_COMMIT: usize = 10_000;

/// Labels that are still to be embedded.
pub(super) struct Work<'a> {
    prompts: &'a Prompts,
    labels: &'a [Label],
    phrases: HashMap<Phrase, Known>,
}

/// A phrase of the labels that are still to come.
#[derive(Default)]
struct Known {
    /// Labels that are still to come and have it.
    uses: usize,
    /// The sum of its prompts' unit vectors, once they are embedded.
    sum: Option<Vec<f32>>,
}

/// Labels with their vectors, to be committed together.
#[derive(Default)]
pub(super) struct Embedded {
    labels: Vec<(LabelRecord, Vec<f32>)>,
    prompts: usize,
}

impl Embedded {
    /// How many prompts were embedded for them.
    pub fn prompts(&self) -> usize {
        self.prompts
    }

    /// Adds them to a batch, in place of labels of their keys.
    pub fn write(&self, space: &Space, batch: &mut Batch<'_>) -> Result<(), LabelError> {
        for (record, vector) in &self.labels {
            batch.upsert(space, record.label.key().as_bytes(), vector, &record.encode()?)?;
        }
        Ok(())
    }
}

impl<'a> Work<'a> {
    /// The labels will be embedded and committed in this order.
    pub fn new(prompts: &'a Prompts, labels: &'a [Label]) -> Self {
        let mut phrases: HashMap<Phrase, Known> = HashMap::new();
        for phrase in labels.iter().flat_map(|label| prompts.phrases(label)) {
            phrases.entry(phrase).or_default().uses += 1;
        }
        Self {
            prompts,
            labels,
            phrases,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many prompts are to be embedded: one that several labels have counts once.
    pub fn count(&self) -> usize {
        self.phrases.keys().map(|phrase| self.prompts.count(phrase)).sum()
    }

    /// Embeds the labels that are left and commits them to `space`; false where it was cut short.
    ///
    /// # Errors
    /// The encoder or the index fails. What was committed by then is kept.
    pub fn run(
        mut self,
        encoder: &dyn TextEncoder,
        writer: &mut Writer,
        space: &Space,
        progress: &dyn WorkProgress,
    ) -> Result<bool, LabelError> {
        while !self.is_empty() {
            let Some(embedded) = self.embed_next(0, encoder, &|| progress.cancelled())? else {
                return Ok(false);
            };
            let mut batch = writer.batch();
            embedded.write(space, &mut batch)?;
            batch.commit()?;
            progress.committed(embedded.prompts());
        }
        Ok(true)
    }

    /// Embeds the next labels: as many as are to be committed together, and at least so many. None where it is `cancelled`,
    /// and then the work cannot go on.
    ///
    /// # Errors
    /// The encoder fails.
    pub fn embed_next(
        &mut self,
        at_least: usize,
        encoder: &dyn TextEncoder,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Embedded>, LabelError> {
        let count = self.labels_a_commit(self.labels).max(at_least).min(self.labels.len());
        let (now, later) = self.labels.split_at(count);
        self.labels = later;
        let Some(prompts) = self.embed(now, encoder, cancelled)? else {
            return Ok(None);
        };
        let labels = now.iter().map(|label| {
            let record = LabelRecord {
                label: label.clone(),
                digest: Digest::of(&self.prompts.of(label)),
            };
            (record, self.vector(label))
        });
        Ok(Some(Embedded {
            labels: labels.collect(),
            prompts,
        }))
    }

    /// How many of the first labels make about as many new prompts as are to be committed together; at least one.
    fn labels_a_commit(&self, labels: &[Label]) -> usize {
        let mut prompts = 0;
        let enough = labels.iter().take(LABELS_A_COMMIT).position(|label| {
            prompts += self
                .new_phrases(label)
                .map(|phrase| self.prompts.count(&phrase))
                .sum::<usize>();
            prompts >= PROMPTS_A_COMMIT
        });
        enough.map_or(labels.len().min(LABELS_A_COMMIT), |last| last + 1)
    }

    fn new_phrases(&self, label: &Label) -> impl Iterator<Item = Phrase> {
        let phrases = self.prompts.phrases(label).into_iter();
        phrases.filter(|phrase| self.phrases.get(phrase).is_none_or(|known| known.sum.is_none()))
    }

    /// Embeds the phrases of these labels that are not known yet; returns how many prompts that took, and none where it was
    /// `cancelled`.
    fn embed(
        &mut self,
        labels: &[Label],
        encoder: &dyn TextEncoder,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<usize>, LabelError> {
        let mut phrases: Vec<Phrase> = labels.iter().flat_map(|label| self.new_phrases(label)).collect();
        let mut seen = HashSet::new();
        phrases.retain(|phrase| seen.insert(phrase.clone()));
        let texts: Vec<Vec<String>> = phrases.iter().map(|phrase| self.prompts.texts(phrase)).collect();
        let flat: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let Some(parts) = embed_in_parts(&flat, encoder, cancelled)? else {
            return Ok(None);
        };
        let mut rows = parts.iter().flat_map(Embeddings::rows);
        for (phrase, texts) in phrases.into_iter().zip(&texts) {
            let vectors = rows.by_ref().take(texts.len());
            self.phrases.entry(phrase).or_default().sum = Some(sum(vectors, encoder.identity().dim));
        }
        Ok(Some(flat.len()))
    }

    /// The vector of a label whose phrases are embedded. What no label to come needs is forgotten.
    fn vector(&mut self, label: &Label) -> Vec<f32> {
        let mut total: Vec<f32> = Vec::new();
        for phrase in self.prompts.phrases(label) {
            let Some(known) = self.phrases.get_mut(&phrase) else {
                continue;
            };
            if let Some(sum) = &known.sum {
                total.resize(sum.len(), 0.0);
                total.iter_mut().zip(sum).for_each(|(total, value)| *total += value);
            }
            known.uses = known.uses.saturating_sub(1);
            if known.uses == 0 {
                self.phrases.remove(&phrase);
            }
        }
        unit(total)
    }
}

/// Embeds texts, in parts between which it is asked whether to stop; none where that is so.
fn embed_in_parts(
    texts: &[&str],
    encoder: &dyn TextEncoder,
    cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<Embeddings>>, LabelError> {
    let (mut left, mut size, mut parts) = (texts, FIRST_PROMPTS, Vec::new());
    while !left.is_empty() {
        if cancelled() {
            return Ok(None);
        }
        let begun = Instant::now();
        let (now, later) = left.split_at(size.min(left.len()));
        parts.push(encoder.embed(now)?);
        left = later;
        if begun.elapsed() < SOON {
            size *= 2;
        }
    }
    Ok(Some(parts))
}

fn sum<'v>(vectors: impl Iterator<Item = &'v [f32]>, dim: usize) -> Vec<f32> {
    let mut sum = vec![0.0; dim];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    sum
}

/// The dot product.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The vector scaled to unit length; a zero vector stays zero.
pub(super) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|value| *value /= norm);
    }
    vector
}

/// The unit vectors of `labels`, in their order, without a library to keep them.
///
/// # Errors
/// The built-in list of nouns, in which parents are looked up, cannot be read, or the encoder fails.
pub fn embed_labels(labels: &[Label], recipe: &Recipe, encoder: &dyn TextEncoder) -> Result<Vec<Vec<f32>>, LabelError> {
    let prompts = Prompts::new(recipe, &labels.iter().collect::<Vec<_>>())?;
    let mut work = Work::new(&prompts, labels);
    let mut vectors = Vec::with_capacity(labels.len());
    while !work.is_empty() {
        let embedded = work.embed_next(0, encoder, &|| false)?;
        vectors.extend(
            embedded
                .into_iter()
                .flat_map(|embedded| embedded.labels)
                .map(|(_, vector)| vector),
        );
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::encoder::Model;
    use crate::labels::{TemplateSet, With};

    fn recipe() -> Recipe {
        Recipe {
            templates: TemplateSet::open("builtin:photo-7").unwrap(),
            with: With {
                synonyms: true,
                definition: false,
            },
            ..Recipe::default()
        }
    }

    fn labels() -> Vec<Label> {
        let named = |name: &str, synonyms: &[&str]| Label {
            synonyms: synonyms.iter().map(|&synonym| synonym.to_owned()).collect(),
            ..Label::named(name)
        };
        let own = Label {
            prompts: vec!["our cat".into(), "our cat asleep".into()],
            ..Label::named("Miso")
        };
        vec![named("cat", &["kitty"]), named("kitty", &["puss", "cat"]), own]
    }

    #[test]
    fn what_several_labels_have_is_embedded_once() {
        let labels = labels();
        let prompts = Prompts::new(&recipe(), &labels.iter().collect::<Vec<_>>()).unwrap();
        let work = Work::new(&prompts, &labels);
        assert_eq!(
            work.count(),
            3 * 7 + 2,
            "cat, kitty and puss in seven templates, and two sentences"
        );
        assert_eq!(work.labels_a_commit(&labels), 3);
    }

    #[test]
    fn it_stops_within_a_commit() {
        let labels: Vec<Label> = (0..500).map(|number| Label::named(format!("thing {number}"))).collect();
        let prompts = Prompts::new(&Recipe::default(), &labels.iter().collect::<Vec<_>>()).unwrap();
        let encoder = Model::open("starter").unwrap().text_encoder().unwrap();
        let asked = Cell::new(0);
        let cancelled = || asked.replace(asked.get() + 1) == 1;
        let mut work = Work::new(&prompts, &labels);
        assert!(work.embed_next(0, encoder.as_ref(), &cancelled).unwrap().is_none());
        assert_eq!(asked.get(), 2);
        let mut work = Work::new(&prompts, &labels);
        let whole = work.embed_next(0, encoder.as_ref(), &|| false).unwrap();
        assert_eq!(whole.map(|embedded| embedded.prompts()), Some(500));
    }

    #[test]
    fn a_label_is_the_mean_of_its_prompts() {
        let labels = labels();
        let encoder = Model::open("starter").unwrap().text_encoder().unwrap();
        let vectors = embed_labels(&labels, &recipe(), encoder.as_ref()).unwrap();
        let prompts = Prompts::new(&recipe(), &labels.iter().collect::<Vec<_>>()).unwrap();
        for (label, vector) in labels.iter().zip(&vectors) {
            let texts = prompts.of(label);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let embeddings = encoder.embed(&texts).unwrap();
            let expected = unit(sum(embeddings.rows(), embeddings.dim()));
            let pairs = vector.iter().zip(&expected);
            assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-5), "{}", label.name);
        }
    }
}
