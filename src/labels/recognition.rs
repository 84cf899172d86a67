//! One image, compared with every label.

use std::cmp::Ordering;

use clipdex_index::ItemId;

use super::Logits;

/// One label's chance for one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The label's item in its bank.
    pub label: ItemId,
    /// Cosine of image and label, -1 to 1.
    pub cosine: f32,
    /// 0 to 1: softmax over the whole bank, or for SigLIP a sigmoid of this label alone.
    pub probability: f32,
}

/// The chance that an image shows none of the labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoneOfThese {
    /// Cosine of the image and the background, -1 to 1.
    pub cosine: f32,
    /// The share that the background has beside the labels, 0 to 1.
    pub probability: f32,
}

/// What one image has in common with every label.
pub struct Recognition<'a> {
    ids: &'a [ItemId],
    /// By place; negative infinity for a label that takes no part.
    cosines: Vec<f32>,
    /// Of "none of these", where it competes.
    background: Option<f32>,
    logits: Logits,
    log_sum: f64,
}

impl<'a> Recognition<'a> {
    pub(super) fn new(ids: &'a [ItemId], cosines: Vec<f32>, background: Option<f32>, logits: Logits) -> Self {
        let log_sum = logits.log_sum(cosines.iter().copied().chain(background));
        Self {
            ids,
            cosines,
            background,
            logits,
            log_sum,
        }
    }

    /// The `k` likeliest labels, likeliest first, ties by item.
    pub fn best(&self, k: usize) -> Vec<Prediction> {
        let labels = self.ids.iter().copied().zip(self.cosines.iter().copied());
        let mut labels: Vec<_> = labels.filter(|(_, cosine)| *cosine > f32::NEG_INFINITY).collect();
        if k < labels.len() {
            labels.select_nth_unstable_by(k, best_first);
            labels.truncate(k);
        }
        labels.sort_unstable_by(best_first);
        let prediction = |(label, cosine)| Prediction {
            label,
            cosine,
            probability: self.logits.probability(cosine, self.log_sum),
        };
        labels.into_iter().map(prediction).collect()
    }

    /// The chance that it is none of the labels, where that competes.
    pub fn none(&self) -> Option<NoneOfThese> {
        self.background.map(|cosine| NoneOfThese {
            cosine,
            probability: self.logits.share(cosine, self.log_sum),
        })
    }

    /// Whether "none of these" is likelier than every label.
    pub fn none_wins(&self) -> bool {
        let beaten = |background: &f32| self.cosines.iter().all(|cosine| cosine < background);
        self.background.as_ref().is_some_and(beaten)
    }

    /// The share of each label, by place: a softmax whatever the encoder's family, so that with "none of these" they
    /// sum to 1, and the shares of several labels can be added.
    pub fn shares(&self) -> Vec<f32> {
        let share = |cosine: &f32| self.logits.share(*cosine, self.log_sum);
        self.cosines.iter().map(share).collect()
    }
}

fn best_first(a: &(ItemId, f32), b: &(ItemId, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))
}
