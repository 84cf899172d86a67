//! The label banks of a library, embedded anew by another model.

use clipdex_index::{Index, Item, Space};

use super::bank::{PREFIX, stored_labels};
use super::embedding::Work;
use super::prompts::Prompts;
use super::records::{BankRecord, LabelRecord};
use super::{Label, LabelError, WorkProgress};
use crate::library::{ModelChange, Record, SCANNED, Successor};

/// Embeds those labels of every bank anew that the new model does not have yet, by the bank's recipe; false where it was
/// cut short. A bank's temperature is forgotten, for it was fitted to the old model's vectors.
///
/// # Errors
/// The library or the encoder fails. What was committed by then is kept.
pub fn reembed_labels(change: &mut ModelChange, progress: &dyn WorkProgress) -> Result<bool, LabelError> {
    let index = change.library().index().clone();
    let mut banks = Vec::new();
    for successor in change.successors().iter().filter(|successor| is_bank(successor)) {
        banks.push(Missing::of(&index, successor)?);
    }
    for bank in &banks {
        change
            .index_mut()
            .set_attributes(bank.space.id, &bank.record.encode()?)?;
    }
    let work: Vec<_> = banks
        .iter()
        .map(|bank| (&bank.space, Work::new(&bank.prompts, &bank.labels)))
        .collect();
    progress.planned(work.iter().map(|(_, work)| work.count()).sum());
    if work.iter().all(|(_, work)| work.is_empty()) {
        return Ok(true);
    }
    let encoder = change.model().text_encoder()?;
    for (space, work) in work {
        if !work.run(encoder.as_ref(), change.index_mut(), space, progress)? {
            return Ok(false);
        }
        change.index_mut().seal_if_due(space, &SCANNED)?;
    }
    Ok(true)
}

fn is_bank(successor: &Successor) -> bool {
    successor.old.name.starts_with(PREFIX)
}

/// What the new model lacks of a bank.
struct Missing {
    space: Space,
    record: BankRecord,
    prompts: Prompts,
    labels: Vec<Label>,
}

impl Missing {
    fn of(index: &Index, successor: &Successor) -> Result<Self, LabelError> {
        let record = BankRecord {
            temperature: None,
            ..BankRecord::decode(&successor.old.attributes)?
        };
        let stored: Vec<Label> = stored_labels(index, &successor.old)?
            .into_iter()
            .map(|(_, record)| record.label)
            .collect();
        let all: Vec<&Label> = stored.iter().collect();
        let prompts = Prompts::new(&record.recipe, &all)?;
        let digests = prompts.digests(&all);
        let mut labels = Vec::new();
        for (label, digest) in stored.into_iter().zip(digests) {
            let wanted = LabelRecord { label, digest };
            if !holds(index, &successor.new, &wanted)? {
                labels.push(wanted.label);
            }
        }
        Ok(Self {
            space: successor.new.clone(),
            record,
            prompts,
            labels,
        })
    }
}

/// Whether the new model has embedded this label, by these prompts.
fn holds(index: &Index, space: &Space, wanted: &LabelRecord) -> Result<bool, LabelError> {
    let Some(id) = index.id_of_key(space.id, wanted.label.key().as_bytes())? else {
        return Ok(false);
    };
    let Some(Item { payload, .. }) = index.item(space.id, id)? else {
        return Ok(false);
    };
    Ok(LabelRecord::decode(&payload)? == *wanted)
}
