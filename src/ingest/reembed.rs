//! The photographs of a library, embedded anew by another model.

use std::fs;
use std::io;
use std::path::PathBuf;

use clipdex_index::{Item, RootId, Space};

use super::pipeline::in_batches;
use super::prepare::read;
use super::{IngestError, Observer, Options, Sealing, was_cancelled};
use crate::encoder::{ImageEncoder, Pixels};
use crate::library::{Library, LibraryError, ModelChange};
use crate::media;

/// What became of the photographs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reembedded {
    /// Photographs that the new model has.
    pub embedded: u64,
    /// Whether the run was cut short; the next one goes on from there.
    pub interrupted: bool,
}

/// Embeds those photographs of the library anew that the new model does not have yet, each from the first of its files
/// that still holds it. One whose files have all changed is left out: the next run finds them changed.
///
/// # Errors
/// Photographs cannot be read although the library has them (a drive may be missing), unless [`Options::prune`] says to
/// let go of them; or the library or the encoder fails. What was committed by then is kept.
pub fn reembed_photos(
    change: &mut ModelChange,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Reembedded, IngestError> {
    if !options.prune {
        check_roots(change.library())?;
    }
    let successor = change.images()?.clone();
    let work = successor.missing(change.library().index(), |_, _| false)?;
    observer.planned(work.len());
    let mut unread: Option<(u64, PathBuf)> = None;
    if !work.is_empty() {
        let encoder = change.model().image_encoder()?;
        let source = Source::new(change.library(), successor.old, encoder.as_ref(), options)?;
        let prepare = |item: &Item| source.prepare(item);
        in_batches(&work, options, observer, prepare, |photos| {
            for Photo { content, .. } in photos {
                if let Content::Unreadable { file, error } = content {
                    observer.failed(file, &error.to_string());
                    unread.get_or_insert_with(|| (0, file.clone())).0 += 1;
                }
            }
            commit(change, &successor.new, photos, encoder.as_ref())?;
            observer.committed(photos.len());
            Ok(())
        })?;
    }
    let mut interrupted = observer.cancelled();
    match unread {
        Some((photos, path)) if !options.prune && !interrupted => return Err(IngestError::Unreadable { photos, path }),
        _ => {}
    }
    if !interrupted {
        observer.sealing();
        interrupted = was_cancelled(change.settle(&successor.new, &Sealing(observer)))?;
    }
    Ok(Reembedded {
        embedded: change.library().index().count(successor.new.id)?,
        interrupted,
    })
}

/// Refuses to begin where a directory shows nothing at all, which thousands of complaints would say less clearly.
fn check_roots(library: &Library) -> Result<(), IngestError> {
    for (root, path) in library.roots()? {
        let known = library.index().files(root).count();
        let shows_something = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some());
        if known > 0 && !shows_something {
            return Err(IngestError::Emptied { path, known });
        }
    }
    Ok(())
}

/// A photograph of the library, and what its files hold now.
struct Photo {
    item: Item,
    content: Content,
}

enum Content {
    Pixels(Pixels),
    /// Its files hold something else by now.
    Changed,
    Unreadable {
        file: PathBuf,
        error: io::Error,
    },
}

/// Finds photographs again.
struct Source<'a> {
    library: Library,
    roots: Vec<(RootId, PathBuf)>,
    images: Space,
    encoder: &'a dyn ImageEncoder,
    options: &'a Options,
}

impl<'a> Source<'a> {
    fn new(
        library: &Library,
        images: Space,
        encoder: &'a dyn ImageEncoder,
        options: &'a Options,
    ) -> Result<Self, LibraryError> {
        Ok(Self {
            library: library.clone(),
            roots: library.roots()?,
            images,
            encoder,
            options,
        })
    }

    fn prepare(&self, item: &Item) -> Result<Photo, IngestError> {
        let mut content = Content::Changed;
        for file in self.library.files_of(&self.roots, &self.images, item.id)? {
            match read(&file) {
                Err(error) => content = Content::Unreadable { file, error },
                Ok((_, bytes)) if blake3::hash(&bytes).as_bytes().as_slice() != item.key => {}
                // What was decoded once can be decoded again, but for limits that are tighter now.
                Ok((_, bytes)) => {
                    match media::decode_reduced(&bytes, &self.options.limits, self.encoder.enough_pixels()) {
                        Ok(photo) => {
                            content = Content::Pixels(self.encoder.preprocess(&photo.image)?);
                            break;
                        }
                        Err(error) => {
                            let error = io::Error::new(io::ErrorKind::InvalidData, error);
                            content = Content::Unreadable { file, error };
                        }
                    }
                }
            }
        }
        let item = item.clone();
        Ok(Photo { item, content })
    }
}

/// Embeds and commits what could be read, all or nothing.
fn commit(
    change: &mut ModelChange,
    space: &Space,
    photos: &[Photo],
    encoder: &dyn ImageEncoder,
) -> Result<(), IngestError> {
    let readable = photos.iter().filter_map(|photo| match &photo.content {
        Content::Pixels(pixels) => Some((&photo.item, pixels)),
        _ => None,
    });
    let (items, pixels): (Vec<_>, Vec<_>) = readable.unzip();
    let embeddings = encoder.embed(&pixels)?;
    let mut batch = change.index_mut().batch();
    for (item, vector) in items.into_iter().zip(embeddings.rows()) {
        batch.upsert(space, &item.key, vector, &item.payload)?;
    }
    batch.commit()?;
    Ok(())
}
