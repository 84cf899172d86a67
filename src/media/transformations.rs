//! How an HEIF file says that an image is cropped and turned, once it is decoded (ISO/IEC 23008-12, section 6.5).

use image::imageops;

use super::Orientation;
use super::container::heif::Heif;

/// Crops an image to the clean aperture of its item; to nothing else where that is no part of it. `by` is how many pixels of
/// a side became one; `size` is that of the whole, and becomes that of the part.
pub(super) fn crop(
    image: image::RgbImage,
    heif: &Heif<'_>,
    item: u32,
    by: u32,
    size: &mut (u32, u32),
) -> image::RgbImage {
    let aperture = heif.property(item, b"clap").and_then(|clap| Aperture::new(clap, *size));
    let Some(Aperture {
        left,
        top,
        width,
        height,
    }) = aperture
    else {
        return image;
    };
    *size = (width, height);
    let reduced = |side: u32| side.div_ceil(by);
    imageops::crop_imm(&image, left / by, top / by, reduced(width), reduced(height)).to_image()
}

/// A part of an image, in pixels.
#[derive(Debug, PartialEq, Eq)]
struct Aperture {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Aperture {
    /// Reads width, height and the distances of the centre from that of the whole, to the right and down: each a fraction
    /// (ISO/IEC 14496-12, section 12.1.4).
    fn new(clap: &[u8], whole: (u32, u32)) -> Option<Self> {
        let (numbers, _) = clap.as_chunks::<4>();
        let fraction = |place: usize| {
            let over = i32::from_be_bytes(*numbers.get(place)?);
            let under = u32::from_be_bytes(*numbers.get(place + 1)?);
            (under != 0).then(|| f64::from(over) / f64::from(under))
        };
        let side = |length: f64, shift: f64, whole: u32| {
            let length = length.round();
            let start = (shift + (f64::from(whole) - length) / 2.0).round();
            let inside = length >= 1.0 && start >= 0.0 && start + length <= f64::from(whole);
            inside.then_some((start as u32, length as u32))
        };
        let (left, width) = side(fraction(0)?, fraction(4)?, whole.0)?;
        let (top, height) = side(fraction(2)?, fraction(6)?, whole.1)?;
        Some(Self {
            left,
            top,
            width,
            height,
        })
    }
}

/// How the properties of an item say that it is to be turned: rotations and reflections, in their order.
pub(super) fn orientation(heif: &Heif<'_>, item: u32) -> Orientation {
    // Reflected left to right, then turned clockwise by as many quarters.
    let (mut reflected, mut quarters) = (false, 0);
    for property in heif.properties(item) {
        let value = property.content.first().copied().unwrap_or(0);
        match &property.kind {
            b"irot" => quarters = (quarters + 4 - (value & 3)) % 4,
            b"imir" => {
                // 0 exchanges top and bottom, 1 left and right.
                let half = if value & 1 == 0 { 2 } else { 0 };
                (reflected, quarters) = (!reflected, (4 - quarters + half) % 4);
            }
            _ => {}
        }
    }
    let number = match (reflected, quarters) {
        (false, 0) => 1,
        (false, 1) => 6,
        (false, 2) => 3,
        (false, _) => 8,
        (true, 0) => 2,
        (true, 1) => 7,
        (true, 2) => 4,
        (true, _) => 5,
    };
    Orientation::from_exif(number).unwrap_or(Orientation::NoTransforms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aperture(fractions: [(i32, u32); 4], whole: (u32, u32)) -> Option<[u32; 4]> {
        let bytes = fractions.map(|(over, under)| [over.to_be_bytes(), under.to_be_bytes()].concat());
        let Aperture {
            left,
            top,
            width,
            height,
        } = Aperture::new(&bytes.concat(), whole)?;
        Some([left, top, width, height])
    }

    #[test]
    fn the_centre_is_counted_from_that_of_the_whole() {
        let whole = (120, 80);
        assert_eq!(
            aperture([(100, 1), (60, 1), (0, 1), (0, 1)], whole),
            Some([10, 10, 100, 60])
        );
        assert_eq!(
            aperture([(96, 2), (64, 2), (-12, 1), (9, 1)], whole),
            Some([24, 33, 48, 32])
        );
        // An odd side keeps its centre between two pixels.
        assert_eq!(
            aperture([(11, 1), (80, 1), (-109, 2), (0, 1)], whole),
            Some([0, 0, 11, 80])
        );
    }

    #[test]
    fn what_reaches_beyond_the_image_is_none() {
        for damage in [
            [(121, 1), (60, 1), (0, 1), (0, 1)],
            [(100, 1), (60, 1), (11, 1), (0, 1)],
            [(100, 1), (60, 0), (0, 1), (0, 1)],
            [(-5, 1), (60, 1), (0, 1), (0, 1)],
            [(0, 1), (60, 1), (0, 1), (0, 1)],
        ] {
            assert_eq!(aperture(damage, (120, 80)), None, "{damage:?}");
        }
        assert!(Aperture::new(&[0; 31], (9, 9)).is_none());
    }
}
