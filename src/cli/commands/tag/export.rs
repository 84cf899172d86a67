//! Tags, written out.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clipdex_index::{ItemId, RootId, Space};

use crate::cli::output::{TagRows, counted, plain_path};
use crate::cli::{Global, Outcome, complain};
use crate::labels::{Label, Prediction, Taxonomy};
use crate::library::{Library, bytes_to_path};
use crate::tags::{Keyword, Sidecars, StoredTags, Written};

/// The tags of a library's photographs out of one bank.
pub(super) struct Tags<'a> {
    pub library: &'a Library,
    pub images: &'a Space,
    pub stored: &'a StoredTags,
    /// Of the bank's labels, ascending.
    pub items: &'a [ItemId],
    pub labels: &'a [Label],
}

/// Makes a file to write to.
pub(super) fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write '{}'", plain_path(path)))?;
    Ok(BufWriter::new(file))
}

impl<'a> Tags<'a> {
    /// Comma-separated values, or JSON lines.
    pub fn write_rows(&self, csv: bool, out: &mut dyn Write) -> Result<Outcome> {
        let roots = self.library.roots()?;
        let mut rows = TagRows::new(csv, out)?;
        let mut any = false;
        for found in self.stored.photos(self.library)? {
            let (photo, tags) = found?;
            let tags: Vec<_> = tags.iter().filter_map(|tag| Some((tag, self.label(tag)?.1))).collect();
            for file in self.library.files_of(&roots, self.images, photo)? {
                rows.write(&file, &tags)?;
                any = true;
            }
        }
        rows.finish()?;
        Ok(Outcome::found(any))
    }

    /// A sidecar for each file of a photograph that has tags; those that earlier runs made of photographs without go.
    pub fn write_sidecars(&self, taxonomy: &Taxonomy, dir: &Path, force: bool, global: &Global) -> Result<Outcome> {
        let roots = self.library.roots()?;
        let mut sidecars = Sidecars::new(dir, force);
        let (mut done, mut foreign, mut failed) = (0, 0, false);
        for found in self.stored.photos(self.library)? {
            let (photo, tags) = found?;
            let keywords: Vec<_> = tags.iter().filter_map(|tag| self.keyword(taxonomy, tag)).collect();
            if keywords.is_empty() {
                continue;
            }
            for (root, relative) in self.library.index().files_of(self.images.id, photo)? {
                let Some(photo) = below(&roots, root, &bytes_to_path(&relative)?) else {
                    continue;
                };
                let Some(place) = sidecars.place(&photo) else { continue };
                match sidecars.write(&place, &keywords) {
                    Ok(Written::Done) => done += 1,
                    Ok(Written::Foreign) => {
                        global.remark(&format!(
                            "'{}' is not of clipdex's making and stays",
                            plain_path(&place)
                        ));
                        foreign += 1;
                    }
                    Ok(Written::Taken) => {
                        complain(&format!(
                            "'{}' was written for another photograph of the same path; move or rename one of them",
                            place.display()
                        ));
                        failed = true;
                    }
                    Err(error) => {
                        complain(&error);
                        failed = true;
                    }
                }
            }
        }
        let (removed, not_removed) = self.remove_sidecars(&roots, &sidecars)?;
        failed |= not_removed > 0;
        let mut remark = format!("{} written", counted(done, "sidecar"));
        if removed > 0 {
            remark += &format!(", {removed} removed of photographs that have no tags any more");
        }
        if foreign > 0 {
            remark += &format!("; {foreign} of others stay, --force writes over them");
        }
        global.remark(&remark);
        Ok(if failed {
            Outcome::Failed
        } else {
            Outcome::found(done > 0)
        })
    }

    /// Removes the sidecars of photographs without tags. Gives how many went, and how many could not be removed.
    fn remove_sidecars(&self, roots: &[(RootId, PathBuf)], sidecars: &Sidecars) -> Result<(usize, usize)> {
        let (mut removed, mut failed) = (0, 0);
        for (root, _) in roots {
            for file in self.library.index().files(*root) {
                let photo = below(roots, *root, &bytes_to_path(&file?.0)?);
                let Some(place) = photo.and_then(|photo| sidecars.place(&photo)) else {
                    continue;
                };
                match sidecars.remove(&place) {
                    Ok(stale) => removed += usize::from(stale),
                    Err(error) => {
                        complain(&error);
                        failed += 1;
                    }
                }
            }
        }
        Ok((removed, failed))
    }

    /// The place of a tag's label, and the label.
    fn label(&self, tag: &Prediction) -> Option<(u32, &'a Label)> {
        let place = self.items.binary_search(&tag.label).ok()?;
        Some((u32::try_from(place).ok()?, self.labels.get(place)?))
    }

    fn keyword(&self, taxonomy: &Taxonomy, tag: &Prediction) -> Option<Keyword> {
        let (place, _) = self.label(tag)?;
        let nodes = taxonomy.path(place).into_iter().filter_map(|id| taxonomy.node(id));
        Some(Keyword {
            path: nodes.map(|node| node.label.name.clone()).collect(),
        })
    }
}

/// A photograph's path below the directory of sidecars: as below its root, and where there are several roots, below the
/// name of its own.
fn below(roots: &[(RootId, PathBuf)], root: RootId, relative: &Path) -> Option<PathBuf> {
    let (_, dir) = roots.iter().find(|(id, _)| *id == root)?;
    match (roots.len(), dir.file_name()) {
        (2.., Some(name)) => Some(Path::new(name).join(relative)),
        _ => Some(relative.to_owned()),
    }
}
