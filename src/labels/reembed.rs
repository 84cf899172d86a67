//! The label banks of a library, embedded anew by another model.

use std::collections::HashMap;

use clipdex_index::{Item, Space};

use super::LabelError;
use super::bank::{AddProgress, PREFIX, PROMPTS_A_COMMIT, SCANNED};
use super::records::LabelRecord;
use crate::encoder::TextEncoder;
use crate::library::{ModelChange, Record, Successor};

/// Embeds those labels of every bank anew that the new model does not have yet, by the prompts that the bank has for
/// them; false where it was cut short.
///
/// # Errors
/// The library or the encoder fails. What was committed by then is kept.
pub fn reembed_labels(change: &mut ModelChange, progress: &dyn AddProgress) -> Result<bool, LabelError> {
    let index = change.library().index().clone();
    let mut work = Vec::new();
    for successor in change.successors().iter().filter(|successor| is_bank(successor)) {
        // A payload tells the label and the prompt: the one must be kept up to date, the other embedded.
        let missing = successor.missing(&index, |old, new| old.payload != new.payload)?;
        work.push((successor.new.clone(), missing));
    }
    progress.planned(work.iter().map(|(_, items)| items.len()).sum());
    if work.iter().all(|(_, items)| items.is_empty()) {
        return Ok(true);
    }
    let encoder = change.model().text_encoder()?;
    for (space, items) in &work {
        for items in items.chunks(PROMPTS_A_COMMIT) {
            if progress.cancelled() {
                return Ok(false);
            }
            commit(change, space, items, encoder.as_ref())?;
            progress.committed(items.len());
        }
        change.index_mut().seal_if_due(space, &SCANNED)?;
    }
    Ok(true)
}

fn is_bank(successor: &Successor) -> bool {
    successor.old.name.starts_with(PREFIX)
}

/// Embeds the prompts of `items`, each once, and commits the items in their order, which is the bank's.
fn commit(
    change: &mut ModelChange,
    space: &Space,
    items: &[Item],
    encoder: &dyn TextEncoder,
) -> Result<(), LabelError> {
    let records: Vec<LabelRecord> = items
        .iter()
        .map(|item| LabelRecord::decode(&item.payload))
        .collect::<Result<_, _>>()?;
    let mut prompts: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for record in &records {
        places.entry(&record.prompt).or_insert_with(|| {
            prompts.push(&record.prompt);
            prompts.len() - 1
        });
    }
    let embeddings = encoder.embed(&prompts)?;
    let vectors: Vec<&[f32]> = embeddings.rows().collect();
    let mut batch = change.index_mut().batch();
    for (item, record) in items.iter().zip(&records) {
        let place = places.get(record.prompt.as_str()).copied().unwrap_or_default();
        if let Some(vector) = vectors.get(place) {
            batch.upsert(space, &item.key, vector, &item.payload)?;
        }
    }
    batch.commit()?;
    Ok(())
}
