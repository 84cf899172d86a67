use clipdex_index::{Fault, Problem};

use super::{Library, LibraryError, PhotoRecord, Record};

/// Checks the library against itself: what the index checks, and that photographs' records can be read and their files
/// have the content that they are named by.
///
/// # Errors
/// The spaces or the photographs cannot be listed at all.
pub fn verify(library: &Library) -> Result<Vec<Problem>, LibraryError> {
    let mut problems = clipdex_index::verify(library.index())?;
    if problems.iter().any(|problem| problem.fault == Fault::Database) {
        return Ok(problems);
    }
    let images = match library.images() {
        Err(LibraryError::NoPhotos(_)) => return Ok(problems),
        images => images?,
    };
    let mut add = |detail: String| {
        problems.push(Problem {
            place: images.name.clone(),
            detail,
            fault: Fault::Records,
        });
    };
    for item in library.index().items(images.id) {
        let item = item?;
        if let Err(error) = PhotoRecord::decode(&item.payload) {
            add(format!("photograph {}: {error}", item.id));
        }
    }
    for (root, dir) in library.roots()? {
        for file in library.index().files(root) {
            let (relative, record) = file?;
            let item = library.index().item(record.space, record.item)?;
            if record.space == images.id && item.is_some_and(|item| item.key != record.hash) {
                let shown = dir.join(String::from_utf8_lossy(&relative).as_ref());
                add(format!("'{}' names a photograph of another content", shown.display()));
            }
        }
    }
    Ok(problems)
}
