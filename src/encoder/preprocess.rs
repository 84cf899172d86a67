use std::cell::RefCell;
use std::error::Error;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::Deserialize;

use super::{EncoderError, Pixels};
use crate::rgb::RgbImage;

mod config;

/// How a model's square input of `size` x `size` pixels is made of a photograph: it is resized with an antialiased
/// filter, cropped where the model crops, and each channel is normalised.
///
/// The filters are PIL's, their support stretched by the reduction, rows before columns as there. An odd pixel that the
/// crop leaves over goes to the right and the bottom, as in transformers' `CLIPImageProcessor`. From the same decoded
/// pixels the result is within one grey level of PIL's.
///
/// ```
/// use clipdex::encoder::Preprocess;
/// use clipdex::rgb::RgbImage;
///
/// let image = RgbImage::new(2, 1, vec![255; 6]).ok_or("wrong size")?;
/// let pixels = Preprocess::STARTER.apply(&image)?;
/// assert_eq!((pixels.size, pixels.data.len()), (260, 3 * 260 * 260));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// Side of the square that the model reads, in pixels; at least 1.
    pub size: u32,
    /// How a photograph that is not square becomes one.
    pub fit: Fit,
    /// How pixels are weighed when the photograph is resized.
    pub filter: Filter,
    /// Mean of each channel (R, G, B), where black is 0 and white is 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, on the same scale; not 0.
    pub std: [f32; 3],
}

/// How a photograph that is not square becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The shorter side is resized, and the centre is cut out.
    Crop {
        /// What the shorter side is resized to, in pixels. A value below the square's side counts as that side, so that
        /// the square is always filled.
        resize: u32,
        /// How the length of the resized longer side becomes a whole number of pixels.
        rounding: Rounding,
    },
    /// Both sides are resized to the square's, and nothing is cut off.
    Squash,
}

/// How pixels are weighed when a photograph is resized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// PIL's `BICUBIC`: Keys' kernel with a = -0.5.
    #[default]
    Bicubic,
    /// PIL's `BILINEAR`: a triangle.
    Bilinear,
}

/// How a length becomes a whole number of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The fraction is dropped, as torchvision and transformers do.
    Down,
    /// To the nearest whole number, halves to the even one, as the starter model's preprocessing does.
    Nearest,
}

thread_local! {
    /// Keeps what was found out about the processor.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

impl Preprocess {
    /// The starter model's: shorter side 297, crop 260, and `(p - 127) / 128` of pixel values `p` from 0 to 255.
    pub const STARTER: Self = Self {
        size: 260,
        fit: Fit::Crop {
            resize: 297,
            rounding: Rounding::Nearest,
        },
        filter: Filter::Bicubic,
        mean: [127.0 / 255.0; 3],
        std: [128.0 / 255.0; 3],
    };

    /// CLIP's for an input of `side` pixels: shorter side and crop `side`, and the channel statistics that OpenAI
    /// trained with (Radford et al., 2021; LAION and DataComp models use them too).
    pub const fn clip(side: u32) -> Self {
        Self {
            size: side,
            fit: Fit::Crop {
                resize: side,
                rounding: Rounding::Down,
            },
            filter: Filter::Bicubic,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }

    /// SigLIP's for an input of `side` pixels (Zhai et al., 2023): squashed, and values from -1 to 1.
    pub const fn siglip(side: u32) -> Self {
        Self {
            size: side,
            fit: Fit::Squash,
            filter: Filter::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }

    /// Twice what the shorter side is resized to, in pixels: a photograph that was reduced to as many by averaging is resized
    /// to nearly the same as the whole.
    pub fn enough_pixels(&self) -> u32 {
        let resized = match self.fit {
            Fit::Crop { resize, .. } => resize.max(self.size),
            Fit::Squash => self.size,
        };
        resized.saturating_mul(2)
    }

    /// Resizes, crops and normalises `image`: three planes of `size` x `size` values, `(p / 255 - mean) / std`.
    ///
    /// Memory and time follow from the part of the photograph that the square shows, whatever its aspect ratio.
    ///
    /// # Errors
    /// [`EncoderError::Resize`] where `size` is 0 or the resizer refuses the image.
    pub fn apply(&self, image: &RgbImage) -> Result<Pixels, EncoderError> {
        let square = self.square(image)?;
        let (triples, _) = square.as_chunks::<3>();
        let mut data = Vec::with_capacity(square.len());
        for (channel, (mean, std)) in self.mean.iter().zip(self.std).enumerate() {
            let normalised: [f32; 256] = std::array::from_fn(|p| (p as f32 / 255.0 - mean) / std);
            data.extend(triples.iter().map(|rgb| normalised[usize::from(rgb[channel])]));
        }
        Ok(Pixels {
            size: self.size as usize,
            data,
        })
    }

    /// The resized and cropped square before normalisation: `size` rows of `size` RGB triples.
    fn square(&self, image: &RgbImage) -> Result<Vec<u8>, EncoderError> {
        let (width, height) = (image.width(), image.height());
        let failed = |message: String| EncoderError::Resize { width, height, message };
        if self.size == 0 {
            return Err(failed("a square of 0 pixels was asked for".to_owned()));
        }
        let mut square = vec![0; self.size as usize * self.size as usize * 3];
        self.resize_crop(image, &mut square)
            .map_err(|error| failed(error.to_string()))?;
        Ok(square)
    }

    /// Fills `square` from the part of the image that it shows: rows first, as PIL does. The filter still reads the
    /// pixels around that part, so the result is that of resizing the whole and cropping afterwards.
    fn resize_crop(&self, image: &RgbImage, square: &mut [u8]) -> Result<(), Box<dyn Error>> {
        let (width, height) = (image.width(), image.height());
        let side = f64::from(self.size);
        let (left, columns) = self.source_span(width, width.min(height));
        let (top, rows) = self.source_span(height, width.min(height));
        // The rows that the second pass reads: its kernel reaches at most two pixels of the coarser grid to either side.
        let reach = 2.0 * (rows / side).max(1.0);
        let first = (top - reach).floor().max(0.0);
        let strip_rows = (top + rows + reach).ceil().min(f64::from(height)) - first;

        let filter = match self.filter {
            Filter::Bicubic => FilterType::CatmullRom,
            Filter::Bilinear => FilterType::Bilinear,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let source = TypedImageRef::<U8x3>::from_buffer(width, height, image.data())?;
        let mut strip = TypedImage::<U8x3>::new(self.size, strip_rows as u32);
        let mut target = TypedImage::<U8x3>::from_buffer(self.size, self.size, square)?;
        RESIZER.with_borrow_mut(|resizer| {
            resizer.resize_typed(&source, &mut strip, &options.crop(left, first, columns, strip_rows))?;
            resizer.resize_typed(&strip, &mut target, &options.crop(0.0, top - first, side, rows))
        })?;
        Ok(())
    }

    /// Start and length, in source pixels, of what the square shows of a side of `side` pixels.
    fn source_span(&self, side: u32, shorter: u32) -> (f64, f64) {
        let Fit::Crop { resize, rounding } = self.fit else {
            return (0.0, f64::from(side));
        };
        let exact = f64::from(resize.max(self.size)) * f64::from(side) / f64::from(shorter);
        let resized = match rounding {
            Rounding::Down => exact.floor(),
            Rounding::Nearest => exact.round_ties_even(),
        };
        let offset = ((resized - f64::from(self.size)) / 2.0).floor();
        let scale = f64::from(side) / resized;
        let start = offset * scale;
        (start, (f64::from(self.size) * scale).min(f64::from(side) - start))
    }
}

#[cfg(test)]
mod tests;
