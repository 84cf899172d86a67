//! The photographs of a library, embedded anew by another model.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clipdex_index::{Item, RootId, Space};

use super::decode::Decoder;
use super::gate::Gate;
use super::pipeline;
use super::read::read;
use super::{IngestError, Observer, Options, READ_AHEAD_BYTES, Sealing, was_cancelled};
use crate::encoder::{Embeddings, ImageEncoder, Pixels};
use crate::library::{Library, LibraryError, ModelChange};

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
    let successor = change.images()?.clone();
    let work = successor.missing(change.library().index())?;
    observer.planned(work.len());
    let mut unread: Option<(u64, PathBuf)> = None;
    if !work.is_empty() {
        let encoder = change.model().image_encoder()?;
        let source = Source::new(change.library(), successor.old, encoder.as_ref(), options)?;
        pipeline::run(
            &work,
            options,
            observer,
            |item| item,
            |item| source.prepare(item),
            |photos| embed(photos, encoder.as_ref()),
            |batch| {
                batch.commit(change, &successor.new)?;
                for (file, error) in batch.unreadable {
                    observer.failed(&file, &error.to_string());
                    unread.get_or_insert((0, file)).0 += 1;
                }
                observer.committed(batch.photos);
                Ok(())
            },
        )?;
    }
    let mut interrupted = observer.cancelled();
    match unread {
        Some((photos, path)) if !options.prune && !interrupted => return Err(IngestError::Unreadable { photos, path }),
        _ => {}
    }
    if !interrupted {
        observer.sealing();
        interrupted = was_cancelled(change.settle(&Sealing(observer)))?;
    }
    Ok(Reembedded {
        embedded: change.library().index().count(successor.new.id)?,
        interrupted,
    })
}

/// Refuses a change where a directory shows nothing at all, which thousands of complaints would say less clearly.
///
/// # Errors
/// [`IngestError::Emptied`]; or the library is damaged.
pub fn check_roots(library: &Library) -> Result<(), IngestError> {
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
struct Photo<'a> {
    item: &'a Item,
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

impl pipeline::Prepared for Photo<'_> {
    fn is_embedded(&self) -> bool {
        matches!(self.content, Content::Pixels(_))
    }
}

/// Finds photographs again.
struct Source<'a> {
    library: Library,
    roots: Vec<(RootId, PathBuf)>,
    images: Space,
    encoder: &'a dyn ImageEncoder,
    decoder: Decoder,
    reading: Arc<Gate>,
}

impl<'a> Source<'a> {
    fn new(
        library: &Library,
        images: Space,
        encoder: &'a dyn ImageEncoder,
        options: &Options,
    ) -> Result<Self, LibraryError> {
        Ok(Self {
            library: library.clone(),
            roots: library.roots()?,
            images,
            encoder,
            decoder: Decoder::new(options, encoder.enough_pixels()),
            reading: Gate::new(READ_AHEAD_BYTES),
        })
    }

    fn prepare<'i>(&self, item: &'i Item) -> Result<Photo<'i>, IngestError> {
        let mut content = Content::Changed;
        for file in self.library.files_of(&self.roots, &self.images, item.id)? {
            match read(&file, &self.reading) {
                Err(error) => content = Content::Unreadable { file, error },
                Ok(found) if blake3::hash(&found.bytes).as_bytes().as_slice() != item.key => {}
                // What was decoded once can be decoded again, but for limits that are tighter now.
                Ok(found) => match self
                    .decoder
                    .decode(&found.bytes, |photo| self.encoder.preprocess(&photo.image))
                {
                    Ok(pixels) => {
                        content = Content::Pixels(pixels?);
                        break;
                    }
                    Err(error) => {
                        let error = io::Error::new(io::ErrorKind::InvalidData, error);
                        content = Content::Unreadable { file, error };
                    }
                },
            }
        }
        Ok(Photo { item, content })
    }
}

/// Photographs that are committed together.
struct Batch<'a> {
    /// All, those among them that cannot be embedded.
    photos: usize,
    items: Vec<&'a Item>,
    /// The items' vectors, in their order.
    embeddings: Embeddings,
    unreadable: Vec<(PathBuf, io::Error)>,
}

fn embed<'a>(photos: Vec<Photo<'a>>, encoder: &dyn ImageEncoder) -> Result<Batch<'a>, IngestError> {
    let count = photos.len();
    let (mut items, mut pixels, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for Photo { item, content } in photos {
        match content {
            Content::Pixels(of_item) => {
                items.push(item);
                pixels.push(of_item);
            }
            Content::Unreadable { file, error } => unreadable.push((file, error)),
            Content::Changed => {}
        }
    }
    Ok(Batch {
        photos: count,
        items,
        embeddings: encoder.embed(&pixels.iter().collect::<Vec<_>>())?,
        unreadable,
    })
}

impl Batch<'_> {
    /// Commits what could be read, all or nothing.
    fn commit(&self, change: &mut ModelChange, space: &Space) -> Result<(), IngestError> {
        let mut batch = change.index_mut().batch();
        for (item, vector) in self.items.iter().zip(self.embeddings.rows()) {
            batch.upsert(space, &item.key, vector, &item.payload)?;
        }
        batch.commit()?;
        Ok(())
    }
}
