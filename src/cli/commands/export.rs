mod photo;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clipdex_index::{RootId, Salvage, SalvagedItem, Space};
use serde::Serialize;

use crate::cli::output::{PathField, counted, write_json_line};
use crate::cli::{Global, Outcome};
use crate::library::{Library, PhotoRecord, Record, TAGS, bytes_to_path, root_dir};
use photo::PhotoRow;

/// Write what the library holds as JSON lines: photographs and labels with their vectors
///
/// A line an item: space, id, key, files, what is known of a photograph, and the vector. With --salvage a damaged library is read as far as it goes:
/// what is damaged is left out, and how much that was is said on standard error.
#[derive(Args)]
pub(in crate::cli) struct ExportArgs {
    /// Read past damage, even where the library cannot be opened
    #[arg(long)]
    salvage: bool,

    /// Leave the vectors out
    #[arg(long)]
    no_vectors: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    space: &'a str,
    id: u64,
    /// In hexadecimal where it is no text: of a photograph the BLAKE3 of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<PhotoRow>,
    files: Vec<PathField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
}

impl ExportArgs {
    pub fn run(self, global: &Global, out: &mut dyn Write) -> Result<Outcome> {
        let dir = global.library_dir()?;
        if !self.salvage {
            let library = Library::open(&dir)?;
            return self.export(&library, out);
        }
        let dir = dir.canonicalize().unwrap_or(dir);
        let salvage = Salvage::open(&dir)?;
        let roots: Vec<_> = salvage
            .roots()?
            .into_iter()
            .filter_map(|root| Some((root.id, root_dir(&root.location, &dir).ok()?)))
            .collect();
        let mut items = 0;
        for space in salvage.spaces()? {
            if space.name.starts_with(TAGS) {
                continue;
            }
            salvage.items(&space, |item| -> Result<()> {
                items += 1;
                self.write(&space, item, &roots, out)
            })?;
        }
        let gaps = salvage.gaps();
        global.remark(&format!(
            "read: {}; not to be read: {}, each of which may have held many items",
            counted(items, "item"),
            counted(gaps, "place")
        ));
        Ok(Outcome::found(items > 0))
    }

    fn export(&self, library: &Library, out: &mut dyn Write) -> Result<Outcome> {
        let (index, roots) = (library.index(), library.roots()?);
        let mut any = false;
        for space in index.spaces()? {
            if space.name.starts_with(TAGS) {
                continue;
            }
            for item in index.items(space.id) {
                let item = item?;
                let whole = SalvagedItem {
                    id: item.id,
                    vector: index.vector(space.id, item.id)?,
                    files: index.files_of(space.id, item.id)?,
                    record: Some((item.key, item.payload)),
                };
                self.write(&space, whole, &roots, out)?;
                any = true;
            }
        }
        Ok(Outcome::found(any))
    }

    fn write(&self, space: &Space, item: SalvagedItem, roots: &[(RootId, PathBuf)], out: &mut dyn Write) -> Result<()> {
        let (key, payload) = item.record.unzip();
        let mut files = Vec::new();
        for (root, relative) in &item.files {
            let relative = bytes_to_path(relative)?;
            let dir = roots.iter().find(|(id, _)| id == root).map(|(_, dir)| dir.as_path());
            files.push(PathField::new(&dir.map_or(relative.clone(), |dir| dir.join(&relative))));
        }
        let row = Row {
            space: &space.name,
            id: item.id,
            key: key.map(shown),
            photo: payload.and_then(|payload| photo(space, &payload)),
            files,
            vector: item.vector.filter(|_| !self.no_vectors),
        };
        write_json_line(out, &row)?;
        Ok(())
    }
}

fn photo(space: &Space, payload: &[u8]) -> Option<PhotoRow> {
    let photo = PhotoRecord::decode(payload).ok().filter(|_| space.name == "images")?;
    Some(photo.into())
}

/// A key as text, or in hexadecimal.
fn shown(key: Vec<u8>) -> String {
    let is_text = |text: &String| !text.chars().any(char::is_control);
    let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect();
    match String::from_utf8(key) {
        Ok(text) if is_text(&text) => text,
        Ok(text) => hex(text.as_bytes()),
        Err(error) => hex(error.as_bytes()),
    }
}
