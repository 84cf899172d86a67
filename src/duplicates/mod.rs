//! Copies among the photographs of a library: files of the same content, and pictures that show the same.
//!
//! Two pictures are near copies where both say so: the embedding, by which a crop stays what it was and another
//! photograph of the same thing comes close too, and the perceptual hash, which tells such photographs apart and knows
//! nothing of what they show.

mod cluster;

use std::collections::HashMap;
use std::path::PathBuf;

use clipdex_index::{ItemId, Space};

use crate::library::{Library, LibraryError, PhotoRecord, Record, bytes_to_path};
use cluster::{Look, cluster};

/// What to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DuplicateOptions {
    /// Files of the same content alone.
    pub exact: bool,
}

/// Pictures that are copies of one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Duplicates {
    /// Best first: that of most pixels, of these that of most bytes. All others are copies of this one.
    pub photos: Vec<DuplicatePhoto>,
}

/// One content among copies.
#[derive(Clone, Debug, PartialEq)]
pub struct DuplicatePhoto {
    /// The photograph.
    pub item: ItemId,
    /// Files with this content, the one that was modified first before the others; at least one.
    pub files: Vec<PathBuf>,
    /// Size of each of the files.
    pub bytes: u64,
    /// What is known of it.
    pub photo: PhotoRecord,
    /// Cosine with the embedding of the best one, -1 to 1.
    pub similarity: f32,
    /// Bits in which its perceptual hash differs from that of the best one, 0 to 64.
    pub distance: u32,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Copies, in the order of the paths of the best ones.
    pub groups: Vec<Duplicates>,
    /// Photographs that were not compared: they were indexed before perceptual hashes were kept.
    pub without_hash: u64,
}

/// Finds copies, as the library knows them from the last time that it was brought up to date. Nothing is changed.
///
/// Every pair of photographs is compared by hash: time grows with the square of their number.
///
/// # Errors
/// The library cannot be read.
pub fn find_duplicates(library: &Library, options: DuplicateOptions) -> Result<Found, LibraryError> {
    let images = library.images()?;
    let mut photos = photos(library, &images)?;
    photos.sort_by(|a, b| quality(b).cmp(&quality(a)).then_with(|| a.files.cmp(&b.files)));
    let mut found = Found::default();
    let groups = if options.exact {
        (0..photos.len()).map(|photo| vec![Look::same(photo)]).collect()
    } else {
        let hashes: Vec<_> = photos.iter().map(|photo| photo.photo.perceptual).collect();
        found.without_hash = hashes.iter().filter(|hash| hash.is_none()).count() as u64;
        cluster(&hashes, |photo| match photos.get(photo) {
            Some(photo) => Ok(library.index().vector(images.id, photo.item)?),
            None => Ok(None),
        })?
    };
    let mut photos: Vec<Option<DuplicatePhoto>> = photos.into_iter().map(Some).collect();
    for group in groups {
        let members = group.into_iter().filter_map(|look| {
            let photo = photos.get_mut(look.photo)?.take()?;
            let Look {
                similarity, distance, ..
            } = look;
            Some(DuplicatePhoto {
                similarity,
                distance,
                ..photo
            })
        });
        let photos: Vec<_> = members.collect();
        if photos.len() > 1 || photos.iter().any(|photo| photo.files.len() > 1) {
            found.groups.push(Duplicates { photos });
        }
    }
    found.groups.sort_by(|a, b| first_file(a).cmp(&first_file(b)));
    Ok(found)
}

fn first_file(group: &Duplicates) -> Option<&PathBuf> {
    group.photos.first().and_then(|best| best.files.first())
}

fn quality(photo: &DuplicatePhoto) -> (u64, u64) {
    let PhotoRecord { width, height, .. } = photo.photo;
    (u64::from(width) * u64::from(height), photo.bytes)
}

/// All photographs that files show, each as its own best copy.
fn photos(library: &Library, images: &Space) -> Result<Vec<DuplicatePhoto>, LibraryError> {
    let mut files: HashMap<ItemId, (u64, Vec<(i64, PathBuf)>)> = HashMap::new();
    for (root, dir) in library.roots()? {
        for file in library.index().files(root) {
            let (relative, record) = file?;
            if record.space == images.id {
                let (bytes, names) = files.entry(record.item).or_default();
                *bytes = record.size;
                names.push((record.mtime_ns, dir.join(bytes_to_path(&relative)?)));
            }
        }
    }
    let mut photos = Vec::with_capacity(files.len());
    for item in library.index().items(images.id) {
        let item = item?;
        if let Some((bytes, mut names)) = files.remove(&item.id) {
            names.sort();
            photos.push(DuplicatePhoto {
                item: item.id,
                files: names.into_iter().map(|(_, path)| path).collect(),
                bytes,
                photo: PhotoRecord::decode(&item.payload)?,
                similarity: 1.0,
                distance: 0,
            });
        }
    }
    Ok(photos)
}
