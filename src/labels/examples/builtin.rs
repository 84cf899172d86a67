//! Pictures that the program carries, for libraries that have too few photographs of their own to see examples against.

use std::path::Path;

use super::Hash;
use crate::encoder::ImageEncoder;
use crate::labels::LabelError;
use crate::picture;

/// Samples of the project's, 96 pixels along the shorter side; samples/LICENSES.md holds for them too.
const PICTURES: [&[u8]; 16] = [
    include_bytes!("../../../labels/backdrop/astronaut.jpg"),
    include_bytes!("../../../labels/backdrop/blazer-1.jpg"),
    include_bytes!("../../../labels/backdrop/brick-wall.jpg"),
    include_bytes!("../../../labels/backdrop/cameraman.jpg"),
    include_bytes!("../../../labels/backdrop/cat.jpg"),
    include_bytes!("../../../labels/backdrop/coffee-cup.jpg"),
    include_bytes!("../../../labels/backdrop/dress-3.jpg"),
    include_bytes!("../../../labels/backdrop/galaxies.jpg"),
    include_bytes!("../../../labels/backdrop/grass.jpg"),
    include_bytes!("../../../labels/backdrop/hat-2.jpg"),
    include_bytes!("../../../labels/backdrop/motorcycle.jpg"),
    include_bytes!("../../../labels/backdrop/pants-2.jpg"),
    include_bytes!("../../../labels/backdrop/rocket-launch.jpg"),
    include_bytes!("../../../labels/backdrop/shoes-2.jpg"),
    include_bytes!("../../../labels/backdrop/skirt-2.jpg"),
    include_bytes!("../../../labels/backdrop/t-shirt-3.jpg"),
];

/// The pictures, each with the BLAKE3 of its file.
pub(super) fn pictures() -> impl Iterator<Item = (Hash, &'static [u8])> {
    PICTURES
        .into_iter()
        .map(|picture| (*blake3::hash(picture).as_bytes(), picture))
}

/// The unit vector of the built-in picture with this hash, if there is one.
pub(super) fn embed(encoder: &dyn ImageEncoder, hash: &Hash) -> Result<Option<Vec<f32>>, LabelError> {
    let Some((_, content)) = pictures().find(|(of, _)| of == hash) else {
        return Ok(None);
    };
    Ok(Some(picture::embed(encoder, Path::new("built-in picture"), content)?))
}
