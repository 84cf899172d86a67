//! Which labels of a large vocabulary a library's photographs need.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use clipdex_index::{ItemId, Rows};

use super::TagError;
use super::compare::{Comparison, Tally, copy_row};
use crate::encoder::Identity;
use crate::labels::{Bank, Label, Logits, NodeId, Taxonomy};
use crate::library::{Library, LibraryError};

/// Photographs that are looked at, taken evenly: what more of them need is much the same.
const MOST_PHOTOS: usize = 10_000;
/// Photographs that are compared at a time.
const TOGETHER: usize = 4_096;
/// Likeliest labels that a photograph is judged by.
const KEPT: usize = 32;
/// Over how many labels a photograph's mass is spread, whatever the model's scale and the size of the vocabulary.
const PERPLEXITY: f64 = 4.0;
/// A label fits a photograph that has so much of its mass in it and its kinds.
const FITS: f32 = 0.25;

/// A label that photographs need.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The label, as its bank has it.
    pub label: Label,
    /// Photographs that it fits best of all that are suggested.
    pub photos: usize,
    /// The one of them that it fits best.
    pub example: ItemId,
}

/// What is suggested for a library.
#[derive(Clone, Debug, Default)]
pub struct Suggestions {
    /// The label that serves photographs most first, then the one that serves most beside it, and so on.
    pub labels: Vec<Suggestion>,
    /// Photographs that were looked at.
    pub photos: usize,
    /// Those of them that a suggested label fits.
    pub covered: usize,
}

/// Suggests up to `count` labels of a bank for the photographs of a library.
///
/// Each photograph's mass is spread over its likeliest labels and summed up the hierarchy. A label serves a photograph by the
/// mass that it has there, times how specific it is: one less the share that the logarithm of the labels below it has in
/// that of all labels. Labels are taken greedily by what they serve better than those before them, which for a sum of
/// greatest values is within 1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher, 1978).
///
/// # Errors
/// The library has no photographs, or cannot be read.
pub fn suggest(library: &Library, bank: &Bank, encoder: &Identity, count: usize) -> Result<Suggestions, TagError> {
    let photos = library.index().rows(library.images()?.id)?;
    if photos.is_empty() {
        return Err(LibraryError::NoPhotos(library.dir().to_path_buf()).into());
    }
    let places: Vec<usize> = (0..photos.len()).step_by(photos.len().div_ceil(MOST_PHOTOS)).collect();
    let labels = bank.labels(library)?;
    let taxonomy = Taxonomy::new(&labels)?;
    let masses = masses(library, bank, encoder, &photos, &places)?;
    let served = served(&taxonomy, labels.len(), &masses);
    let mut suggestions = choose(&served, places.len(), count);
    // A label that was taken early may have lost its photographs to more specific ones.
    suggestions.retain(|chosen| !chosen.photos.is_empty());
    let covered = suggestions.iter().map(|chosen| chosen.photos.len()).sum();
    let suggestion = |chosen: Chosen| {
        let best = chosen
            .photos
            .iter()
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        Some(Suggestion {
            label: labels.get(chosen.label as usize)?.clone(),
            photos: chosen.photos.len(),
            example: photos.ids().get(*places.get(best.0 as usize)?).copied()?,
        })
    };
    Ok(Suggestions {
        labels: suggestions.into_iter().filter_map(suggestion).collect(),
        photos: places.len(),
        covered,
    })
}

/// For each photograph its likeliest labels, by place, with their masses, which sum to 1.
fn masses(
    library: &Library,
    bank: &Bank,
    encoder: &Identity,
    photos: &Rows,
    places: &[usize],
) -> Result<Vec<Vec<(NodeId, f32)>>, TagError> {
    let labels = library.index().rows(bank.space().id)?;
    let taught = bank.taught(library, &labels)?;
    let logits = Logits::new(encoder, 1.0);
    let comparison = Comparison {
        labels: &labels,
        taught: &taught,
        logits,
        kept: KEPT,
    };
    let dim = photos.dim();
    let mut masses = Vec::with_capacity(places.len());
    for places in places.chunks(TOGETHER) {
        let mut vectors = vec![0.0; places.len() * dim];
        for (place, vector) in places.iter().zip(vectors.chunks_exact_mut(dim.max(1))) {
            copy_row(photos, *place, vector);
        }
        let mut tallies = vec![Tally::new(logits); places.len()];
        comparison.add(&vectors, 0..labels.len(), &mut tallies)?;
        masses.extend(tallies.into_iter().map(|tally| {
            let (_, best) = tally.into_kept();
            let cosines: Vec<f32> = best.iter().map(|(_, cosine)| *cosine).collect();
            let place = |label: &ItemId| labels.ids().binary_search(label).unwrap_or_default() as NodeId;
            best.iter()
                .map(|(label, _)| place(label))
                .zip(spread(&cosines))
                .collect()
        }));
    }
    Ok(masses)
}

/// A softmax of cosines, likeliest first, with the scale under which it is spread over [`PERPLEXITY`] of them.
fn spread(cosines: &[f32]) -> Vec<f32> {
    let largest = cosines.first().copied().unwrap_or_default();
    let shares = |scale: f64| {
        let powers: Vec<f64> = cosines
            .iter()
            .map(|cosine| (scale * f64::from(cosine - largest)).exp())
            .collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum).collect::<Vec<_>>()
    };
    let (mut low, mut high) = (0.0, 1e5);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        let entropy: f64 = shares(middle)
            .iter()
            .filter(|share| **share > 0.0)
            .map(|share| -share * share.ln())
            .sum();
        if entropy > PERPLEXITY.ln() {
            low = middle;
        } else {
            high = middle;
        }
    }
    shares(high).into_iter().map(|share| share as f32).collect()
}

/// How a label serves a photograph.
#[derive(Clone, Copy, Debug)]
struct Service {
    photo: u32,
    /// Mass of the label and what is below it.
    mass: f32,
    /// That mass, times how specific the label is.
    value: f32,
}

/// Every label that serves a photograph at all, with those that it serves.
fn served(taxonomy: &Taxonomy, labels: usize, masses: &[Vec<(NodeId, f32)>]) -> HashMap<NodeId, Vec<Service>> {
    let all = (labels as f32).ln().max(f32::MIN_POSITIVE);
    let specific = |id: NodeId| {
        let below = taxonomy.node(id).map_or(1, |node| node.below.max(1));
        1.0 - (below as f32).ln() / all
    };
    let mut served: HashMap<NodeId, Vec<Service>> = HashMap::new();
    for (photo, masses) in (0..).zip(masses) {
        let mut sums: HashMap<NodeId, f32> = HashMap::new();
        for (label, mass) in masses {
            for node in taxonomy.line(*label).iter().filter(|node| (**node as usize) < labels) {
                *sums.entry(*node).or_default() += mass;
            }
        }
        for (label, mass) in sums {
            let value = mass * specific(label);
            served.entry(label).or_default().push(Service { photo, mass, value });
        }
    }
    served
}

/// A label that was taken.
#[derive(Debug)]
struct Chosen {
    label: NodeId,
    /// The photographs that it fits best of all labels that were taken, with its value for them.
    photos: Vec<(u32, f32)>,
}

/// A label with what it would add, at most: what was added since can only have made it less.
struct Candidate {
    gain: f32,
    label: NodeId,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(other.label.cmp(&self.label))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

/// Takes labels greedily, each by what it adds; gains are computed anew only where they may be the largest (Minoux, 1978).
fn choose(served: &HashMap<NodeId, Vec<Service>>, photos: usize, count: usize) -> Vec<Chosen> {
    let mut best = vec![0.0f32; photos];
    let gain = |label: NodeId, best: &[f32]| -> f32 {
        let services = served.get(&label).into_iter().flatten();
        let gains =
            services.map(|service| service.value - best.get(service.photo as usize).copied().unwrap_or_default());
        gains.filter(|gain| *gain > 0.0).sum()
    };
    let candidate = |label: &NodeId| Candidate {
        gain: gain(*label, &vec![0.0; photos]),
        label: *label,
    };
    let mut candidates: BinaryHeap<Candidate> = served.keys().map(candidate).collect();
    let mut taken = Vec::new();
    while taken.len() < count
        && let Some(Candidate { label, .. }) = candidates.pop()
    {
        let gain = gain(label, &best);
        if gain <= 0.0 {
            continue;
        }
        if candidates.peek().is_some_and(|next| next.gain > gain) {
            candidates.push(Candidate { gain, label });
            continue;
        }
        for service in served.get(&label).into_iter().flatten() {
            if let Some(best) = best.get_mut(service.photo as usize) {
                *best = best.max(service.value);
            }
        }
        taken.push(label);
    }
    assign(served, &taken, photos)
}

/// Gives each photograph to the label that fits it and serves it best.
fn assign(served: &HashMap<NodeId, Vec<Service>>, taken: &[NodeId], photos: usize) -> Vec<Chosen> {
    let mut owners: Vec<Option<(usize, f32)>> = vec![None; photos];
    for (place, label) in taken.iter().enumerate() {
        for service in served
            .get(label)
            .into_iter()
            .flatten()
            .filter(|service| service.mass >= FITS)
        {
            if let Some(owner) = owners.get_mut(service.photo as usize)
                && owner.is_none_or(|(_, value)| service.value > value)
            {
                *owner = Some((place, service.value));
            }
        }
    }
    let mut chosen: Vec<Chosen> = taken
        .iter()
        .map(|label| Chosen {
            label: *label,
            photos: Vec::new(),
        })
        .collect();
    for (photo, owner) in (0..).zip(owners) {
        if let Some((place, value)) = owner
            && let Some(chosen) = chosen.get_mut(place)
        {
            chosen.photos.push((photo, value));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_is_spread_over_a_few_labels_whatever_the_scale() {
        for scale in [0.001f32, 1.0] {
            let cosines: Vec<f32> = (0..KEPT).map(|rank| 0.9 - scale * 0.02 * rank as f32).collect();
            let shares = spread(&cosines);
            let entropy: f32 = shares.iter().map(|share| -share * share.ln()).sum();
            assert!((entropy.exp() - PERPLEXITY as f32).abs() < 0.1, "{}", entropy.exp());
            assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        assert_eq!(spread(&[0.5]), [1.0]);
        assert!(spread(&[]).is_empty());
    }

    fn label(name: &str, parents: &[&str]) -> Label {
        Label {
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            ..Label::named(name)
        }
    }

    #[test]
    fn the_kind_is_taken_where_its_kinds_share_the_photographs() {
        let labels = [
            label("animal", &[]),
            label("dog", &["animal"]),
            label("terrier", &["dog"]),
            label("poodle", &["dog"]),
            label("cat", &["animal"]),
            label("lion", &["animal"]),
            label("car", &[]),
            label("bus", &[]),
        ];
        let taxonomy = Taxonomy::new(&labels).unwrap();
        // Two photographs of some dog, one that is a cat for certain.
        let masses = [vec![(2, 0.5), (3, 0.5)], vec![(3, 0.55), (2, 0.45)], vec![(4, 1.0)]];
        let served = served(&taxonomy, labels.len(), &masses);
        let chosen = choose(&served, 3, 2);
        let names: Vec<_> = chosen
            .iter()
            .map(|chosen| labels[chosen.label as usize].name.as_str())
            .collect();
        assert_eq!(
            names,
            ["poodle", "cat"],
            "of eight labels a dog is not much less special than a poodle"
        );
        let all = choose(&served, 3, 10);
        assert_eq!(
            all.iter().map(|chosen| chosen.photos.len()).sum::<usize>(),
            3,
            "each photograph counts once"
        );
    }
}
