//! Pictures of high dynamic range (ITU-R BT.2100), as cameras write them to HEIF: brought to what sRGB shows.

use super::container::heif::Nclx;

/// Light of diffuse white, in candela per square metre (ITU-R BT.2408).
const WHITE: f32 = 203.0;

/// Light up to here, where diffuse white is 1, is shown as it is; what is brighter is pressed together below 1.
const KNEE: f32 = 0.6;

/// How levels become light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// The perceptual quantizer (SMPTE ST 2084), in which levels stand for absolute light.
    Quantizer,
    /// Hybrid log-gamma, whose levels stand for light in the scene.
    HybridLogGamma,
}

impl Curve {
    /// The curve of a number (ITU-T H.273, section 8.2), where it is one of a high dynamic range.
    pub fn new(transfer: u16) -> Option<Self> {
        match transfer {
            16 => Some(Self::Quantizer),
            18 => Some(Self::HybridLogGamma),
            _ => None,
        }
    }

    /// Light of a level from 0 to 1: shown light where diffuse white is 1, or the scene's from 0 to 1.
    fn light(self, level: f32) -> f32 {
        match self {
            Self::Quantizer => {
                let power = level.powf(1.0 / 78.843_75);
                let ratio = (power - 0.835_937_5).max(0.0) / (18.851_563 - 18.6875 * power);
                ratio.powf(1.0 / 0.159_301_76) * 10_000.0 / WHITE
            }
            Self::HybridLogGamma if level <= 0.5 => level * level / 3.0,
            Self::HybridLogGamma => (((level - 0.559_910_7) / 0.178_832_77).exp() + 0.284_668_92) / 12.0,
        }
    }
}

/// Brings an image from a curve and the primaries of its file to sRGB.
pub(super) fn to_srgb(image: &mut image::RgbImage, curve: Curve, colours: &Nclx) {
    let lights: Vec<f32> = (0..=255u8).map(|level| curve.light(f32::from(level) / 255.0)).collect();
    let matrix = to_srgb_primaries(colours.primaries);
    for pixel in image.pixels_mut() {
        let mut light = pixel.0.map(|level| lights[usize::from(level)]);
        if curve == Curve::HybridLogGamma {
            light = shown(light);
        }
        let light = matrix.map(|[r, g, b]| (r * light[0] + g * light[1] + b * light[2]).max(0.0));
        let brightest = light[0].max(light[1]).max(light[2]);
        // All three alike, so that bright colours keep their hue.
        let scale = if brightest > KNEE {
            pressed(brightest) / brightest
        } else {
            1.0
        };
        pixel.0 = light.map(|light| level(light * scale));
    }
}

/// Light in the scene to that which a screen of 1,000 candela per square metre shows, where diffuse white is 1.
fn shown(scene: [f32; 3]) -> [f32; 3] {
    let luminance = 0.2627 * scene[0] + 0.678 * scene[1] + 0.0593 * scene[2];
    let gain = luminance.max(1e-6).powf(0.2) * 1000.0 / WHITE;
    scene.map(|light| light * gain)
}

/// Light above the knee, along a curve that continues the straight line and ends at 1.
fn pressed(light: f32) -> f32 {
    let room = 1.0 - KNEE;
    KNEE + room * (1.0 - ((KNEE - light) / room).exp())
}

/// The sRGB level of light from 0 to 1 (IEC 61966-2-1).
fn level(light: f32) -> u8 {
    let value = if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    // The cast saturates.
    (value * 255.0).round() as u8
}

/// From linear light of some primaries (ITU-T H.273, section 8.1) to that of sRGB's.
fn to_srgb_primaries(primaries: u16) -> [[f32; 3]; 3] {
    match primaries {
        9 => [
            [1.6605, -0.5876, -0.0728],
            [-0.1246, 1.1329, -0.0083],
            [-0.0182, -0.1006, 1.1187],
        ],
        12 => [
            [1.2249, -0.2247, 0.0],
            [-0.0420, 1.0419, 0.0],
            [-0.0197, -0.0786, 1.0979],
        ],
        _ => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(curve: Curve, primaries: u16, pixel: [u8; 3]) -> [u8; 3] {
        let mut image = image::RgbImage::from_pixel(1, 1, image::Rgb(pixel));
        let colours = Nclx {
            primaries,
            transfer: 0,
            matrix: 0,
            full_range: true,
        };
        to_srgb(&mut image, curve, &colours);
        image.get_pixel(0, 0).0
    }

    /// BT.2408 gives the levels: a grey card of 18% has 38% of both curves, diffuse white 58% and 75%.
    #[test]
    fn both_curves_show_grey_card_and_white_alike() {
        for (curve, card, white) in [(Curve::Quantizer, 97, 148), (Curve::HybridLogGamma, 97, 191)] {
            let [card, white] = [card, white].map(|level| converted(curve, 9, [level; 3]));
            assert!(card.iter().all(|level| (95..=112).contains(level)), "{card:?}");
            assert!(white.iter().all(|level| (230..=242).contains(level)), "{white:?}");
            assert_eq!(converted(curve, 9, [0; 3]), [0; 3]);
            assert_eq!(converted(curve, 9, [255; 3]), [255; 3]);
        }
    }

    #[test]
    fn wide_primaries_are_brought_to_those_of_srgb() {
        let [r, g, b] = converted(Curve::Quantizer, 9, [120, 100, 80]);
        let [same_r, same_g, same_b] = converted(Curve::Quantizer, 1, [120, 100, 80]);
        assert!(r > same_r + 10 && g.abs_diff(same_g) < 10 && b < same_b, "{r} {g} {b}");
    }

    #[test]
    fn other_curves_are_not_of_a_high_range() {
        assert_eq!([1, 2, 13, 14, 15].map(Curve::new), [None; 5]);
    }
}
