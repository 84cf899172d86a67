//! What photographs are tagged with.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use clipdex_index::ItemId;
use serde::Serialize;

use super::{PathField, SCHEMA, counted, plain, write_json, write_json_line};
use crate::labels::{Label, Prediction};
use crate::library::Library;
use crate::tags::{StoredTags, TagError, TagOutcome};

/// Labels that a summary names.
const MOST_FREQUENT: usize = 10;

/// What tagging a library did, and what came of it.
#[derive(Serialize)]
pub(in crate::cli) struct TagSummary<'a> {
    schema: u32,
    labels: &'a str,
    #[serde(flatten)]
    outcome: &'a TagOutcome,
    /// Photographs that have a tag.
    tagged: u64,
    /// The labels that most photographs are tagged with.
    most: Vec<Frequent>,
}

#[derive(Serialize)]
struct Frequent {
    id: String,
    name: String,
    photos: u64,
}

impl<'a> TagSummary<'a> {
    pub fn new(library: &Library, stored: &'a StoredTags, outcome: &'a TagOutcome) -> Result<Self, TagError> {
        let mut counts: HashMap<ItemId, u64> = HashMap::new();
        let mut tagged = 0;
        for found in stored.photos(library)? {
            tagged += 1;
            for tag in found?.1 {
                *counts.entry(tag.label).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        counts.truncate(MOST_FREQUENT);
        let mut most = Vec::new();
        for (label, photos) in counts {
            if let Some(Label { id, name, .. }) = stored.bank().label(library, label)? {
                most.push(Frequent { id, name, photos });
            }
        }
        Ok(Self {
            schema: SCHEMA,
            labels: stored.bank().name(),
            outcome,
            tagged,
            most,
        })
    }

    /// Whether any photograph has a tag.
    pub fn any(&self) -> bool {
        self.tagged > 0
    }

    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        write_json(out, self)
    }

    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let TagOutcome {
            compared,
            extended,
            unchanged,
            removed,
            ..
        } = *self.outcome;
        let all = compared + extended + unchanged;
        write!(
            out,
            "{}: {} of {} tagged; {compared} compared",
            self.labels,
            self.tagged,
            counted(all, "photograph")
        )?;
        for (count, what) in [
            (extended, "compared with new labels"),
            (unchanged, "unchanged"),
            (removed, "removed"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        writeln!(out)?;
        for Frequent { name, photos, .. } in &self.most {
            writeln!(out, "  {photos:>6}  {}", plain(name))?;
        }
        Ok(())
    }
}

/// Files with their tags, for programs.
pub(in crate::cli) enum TagRows<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
    JsonLines(&'a mut dyn Write),
}

#[derive(Serialize)]
struct FileRow<'a> {
    #[serde(flatten)]
    path: PathField,
    tags: Vec<TagRow<'a>>,
}

#[derive(Serialize)]
struct TagRow<'a> {
    id: &'a str,
    name: &'a str,
    probability: f32,
}

impl<'a> TagRows<'a> {
    pub fn new(csv: bool, out: &'a mut dyn Write) -> io::Result<Self> {
        if !csv {
            return Ok(Self::JsonLines(out));
        }
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["path", "rank", "id", "name", "probability"])?;
        Ok(Self::Csv(Box::new(csv)))
    }

    /// A file and its tags, likeliest first.
    pub fn write(&mut self, file: &Path, tags: &[(&Prediction, &Label)]) -> io::Result<()> {
        match self {
            Self::Csv(csv) => {
                for (i, (tag, label)) in tags.iter().enumerate() {
                    let (rank, probability) = ((i + 1).to_string(), tag.probability.to_string());
                    csv.write_record([
                        file.as_os_str().as_encoded_bytes(),
                        rank.as_bytes(),
                        label.id.as_bytes(),
                        label.name.as_bytes(),
                        probability.as_bytes(),
                    ])?;
                }
                Ok(())
            }
            Self::JsonLines(out) => {
                let tags = tags.iter().map(|(tag, label)| TagRow {
                    id: &label.id,
                    name: &label.name,
                    probability: tag.probability,
                });
                let row = FileRow {
                    path: PathField::new(file),
                    tags: tags.collect(),
                };
                write_json_line(out, &row)
            }
        }
    }

    /// Writes what is left.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv(mut csv) => csv.flush(),
            Self::JsonLines(_) => Ok(()),
        }
    }
}
