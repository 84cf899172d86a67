//! The patches of images as rows ("im2row"), which makes a patch embedding a product.

use super::activations::{Activations, RowSource};
use super::choice::Kernels;
use super::dot::Dot;
use super::error::{KernelError, same_size};
use super::layout::Precision;

/// How square images are cut into square patches without overlap; what is left at the right and the bottom is unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patches {
    /// Planes of an image.
    pub(crate) channels: usize,
    /// Side of an image in pixels.
    pub(crate) image: usize,
    /// Side of a patch in pixels, at least 1.
    pub(crate) patch: usize,
}

impl Patches {
    /// Patches along a side of the image.
    pub(crate) fn grid(self) -> usize {
        self.image.checked_div(self.patch).unwrap_or(0)
    }

    /// Values of a patch.
    pub(crate) fn depth(self) -> usize {
        self.channels * self.patch * self.patch
    }
}

impl Activations {
    /// Converts the patches of `images`, each `[channels, y, x]`, for products with matrices of these kernels and this
    /// precision. The patches of an image follow one another row by row, each in the order of a PyTorch convolution
    /// weight, `[channel, y, x]`.
    ///
    /// # Errors
    /// Where an image has another size.
    pub(crate) fn patches(
        &mut self,
        kernels: Kernels,
        precision: Precision,
        patches: Patches,
        images: &[&[f32]],
    ) -> Result<(), KernelError> {
        for image in images {
            let expected = patches.channels * patches.image * patches.image;
            same_size("values of an image", expected, image.len())?;
        }
        let rows = images.len() * patches.grid() * patches.grid();
        self.fill(
            kernels,
            precision,
            (rows, patches.depth()),
            Unfolded { patches, images },
        );
        Ok(())
    }
}

struct Unfolded<'a> {
    patches: Patches,
    images: &'a [&'a [f32]],
}

impl RowSource for Unfolded<'_> {
    #[inline(always)]
    fn row<D: Dot>(&self, index: usize, to: &mut [f32]) {
        let Patches { image, patch, .. } = self.patches;
        let grid = self.patches.grid();
        let (pixels, index) = (self.images[index / (grid * grid)], index % (grid * grid));
        let (top, left) = (index / grid * patch, index % grid * patch);
        let planes = pixels.chunks_exact(image * image);
        let lines = planes.flat_map(|plane| plane.chunks_exact(image).skip(top).take(patch));
        for (to, line) in to.chunks_exact_mut(patch).zip(lines) {
            to.copy_from_slice(&line[left..][..patch]);
        }
    }
}

#[cfg(test)]
#[path = "tests/patches.rs"]
mod tests;
