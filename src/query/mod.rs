//! Photographs by what they show: a vector, from words or from a picture, against the vectors of a library.

mod embed;
mod error;

use std::path::PathBuf;

use clipdex_index::{ItemId, Mode, RoaringTreemap, SearchParams};

pub use embed::{embed_file, embed_text, stored_vector, vectors_of};
pub use error::QueryError;

use crate::library::{Library, LibraryError, PhotoRecord};

/// What to return, and how to look.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// Number of photographs.
    pub k: usize,
    /// Compare with every vector, whatever the library's size.
    pub exact: bool,
    /// Candidates that the walk of a graph keeps; none means what the recall that is aimed at needs.
    pub ef: Option<usize>,
    /// The share of the true nearest that is to be found, 0 to 1; none means the index's own aim.
    pub target_recall: Option<f32>,
    /// A photograph to leave out: the one that others are to be similar to.
    pub exclude: Option<ItemId>,
    /// The photographs that may be found; none means all.
    pub filter: Option<RoaringTreemap>,
}

/// A photograph that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoHit {
    /// The photograph.
    pub item: ItemId,
    /// Cosine with the query, -1 to 1.
    pub score: f32,
    /// The files that show it, at least one; several where it was copied.
    pub files: Vec<PathBuf>,
    /// What is known of it.
    pub photo: PhotoRecord,
}

/// The photographs nearest to a unit vector of the library's model, nearest first.
pub fn search(library: &Library, vector: &[f32], options: &SearchOptions) -> Result<Vec<PhotoHit>, QueryError> {
    let images = library.images()?;
    if library.index().count(images.id)? == 0 {
        return Err(LibraryError::NoPhotos(library.dir().to_path_buf()).into());
    }
    let params = SearchParams {
        k: options.k.saturating_add(usize::from(options.exclude.is_some())),
        mode: if options.exact { Mode::Exact } else { Mode::Auto },
        ef: options.ef,
        target_recall: options.target_recall,
        filter: options.filter.as_ref(),
    };
    let roots = library.roots()?;
    let mut found = Vec::with_capacity(options.k.min(1024));
    for hit in library.index().search(images.id, vector, &params)? {
        if Some(hit.id) == options.exclude || found.len() == options.k {
            continue;
        }
        let files = library.files_of(&roots, &images, hit.id)?;
        if let Some(photo) = library.photo(&images, hit.id)?
            && !files.is_empty()
        {
            found.push(PhotoHit {
                item: hit.id,
                score: hit.score,
                files,
                photo,
            });
        }
    }
    Ok(found)
}
