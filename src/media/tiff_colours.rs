//! TIFFs whose samples the image crate reads, but not as what they stand for: places in a palette, luminance with colour
//! differences, and inks. They are read under another name and translated afterwards.

use image::DynamicImage;

use super::tiff::Tiff;
use super::{inks, jpeg, pixels};

/// Tags of TIFF 6.0.
mod tag {
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const COLOR_MAP: u16 = 320;
    pub const SUBSAMPLING: u16 = 530;
    pub const ICC_PROFILE: u16 = 34_675;
}

/// What the samples of a TIFF stand for.
pub(super) enum Meaning {
    /// Places in a list of 256 RGB triples.
    Palette(Vec<[u8; 3]>),
    /// Luminance and two colour differences.
    Differences,
    /// Cyan, magenta, yellow and black, which are read as RGB with opacity, and what their ICC profile says of them.
    Inks(Option<Vec<u8>>),
}

impl Meaning {
    /// RGB triples of samples that were read as something else.
    pub fn translate(&self, image: DynamicImage) -> Vec<u8> {
        if let Self::Inks(profile) = self {
            let samples = image.into_rgba8().into_raw();
            return inks::to_rgb(samples.as_chunks().0, profile.as_deref());
        }
        let mut samples = pixels::to_rgb8(image);
        for pixel in samples.as_chunks_mut().0 {
            *pixel = match self {
                Self::Palette(colours) => colours[usize::from(pixel[0])],
                Self::Differences => jpeg::rgb(*pixel),
                Self::Inks(_) => *pixel,
            };
        }
        samples
    }
}

/// The same file with its samples called grey or RGB, and what they stand for; `None` where that is what they are.
pub(super) fn renamed(bytes: &[u8]) -> Option<(Vec<u8>, Meaning)> {
    const GREY: u16 = 1;
    const RGB: u16 = 2;
    let first = Tiff::new(bytes)?.first()?;
    let all_eight = first.find(tag::BITS_PER_SAMPLE)?.numbers().all(|bits| bits == 8);
    let (name, meaning) = match first.number(tag::PHOTOMETRIC)? {
        3 if all_eight => (GREY, Meaning::Palette(palette(first.find(tag::COLOR_MAP)?.numbers())?)),
        6 if all_eight => {
            // The JPEG decoder stretches colour differences itself; elsewhere they must be whole.
            let subsampling = first.find(tag::SUBSAMPLING);
            let whole = subsampling.is_some_and(|factors| factors.numbers().all(|factor| factor == 1));
            if !whole && first.number(tag::COMPRESSION)? != 7 {
                return None;
            }
            (RGB, Meaning::Differences)
        }
        // The JPEG decoder mixes inks itself.
        5 if first.number(tag::COMPRESSION)? != 7 && first.number(tag::SAMPLES_PER_PIXEL)? == 4 => {
            let profile = first.find(tag::ICC_PROFILE).map(|entry| entry.bytes().to_vec());
            (RGB, Meaning::Inks(profile))
        }
        _ => return None,
    };
    Some((first.with_short(tag::PHOTOMETRIC, name)?, meaning))
}

/// 256 reds, as many greens and as many blues, each of 16 bits.
fn palette(numbers: impl Iterator<Item = u32>) -> Option<Vec<[u8; 3]>> {
    let levels: Vec<u8> = numbers.take(768).map(|level| (level >> 8) as u8).collect();
    let (reds, rest) = levels.split_at_checked(256)?;
    let (greens, blues) = rest.split_at_checked(256)?;
    let colours = reds.iter().zip(greens).zip(blues);
    let colours: Vec<[u8; 3]> = colours.map(|((&r, &g), &b)| [r, g, b]).collect();
    (colours.len() == 256).then_some(colours)
}
