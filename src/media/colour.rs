use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::container::heif::Heif;
use super::hdr;

/// Profiles are a few hundred bytes, or some hundred kilobytes with tables.
const MAX_PROFILE_BYTES: usize = 4 << 20;

/// A profile, where it is whole and of a size that profiles have.
pub(super) fn read_profile(profile: &[u8]) -> Option<ColorProfile> {
    (profile.len() <= MAX_PROFILE_BYTES).then(|| ColorProfile::new_from_slice(profile).ok())?
}

/// Converts an image from the colour space of its ICC profile to sRGB, by relative colorimetry: colours that sRGB does
/// not have are cut to its range. An image whose profile is damaged, or is of ink or of another space that the decoder has
/// left already, stays as it is.
pub(super) fn to_srgb(image: &mut image::RgbImage, profile: &[u8]) {
    let Some(profile) = read_profile(profile) else {
        return;
    };
    let layout = match profile.color_space {
        DataColorSpace::Rgb => Layout::Rgb,
        DataColorSpace::Gray => Layout::Gray,
        _ => return,
    };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, Layout::Rgb, options) else {
        return;
    };
    let convert = |source: &[u8], target: &mut [u8]| match layout {
        Layout::Gray => {
            let grey: Vec<u8> = source.iter().step_by(3).copied().collect();
            transform.transform(&grey, target).is_ok()
        }
        _ => transform.transform(source, target).is_ok(),
    };
    if layout == Layout::Gray && !is_grey(image) || changes_nothing(convert) {
        return;
    }
    let width = image.width() as usize * 3;
    let mut converted = vec![0; width];
    for row in image.chunks_exact_mut(width) {
        if convert(row, &mut converted) {
            row.copy_from_slice(&converted);
        }
    }
}

/// The profile of an HEIF file's image: its own, or that of the primaries which the file names by their number (ITU-T H.273,
/// section 8.1), where they are not sRGB's. An image of a high dynamic range is brought to sRGB, and needs none any more.
pub(super) fn of_heif(image: &mut image::RgbImage, heif: &Heif<'_>) -> Option<Vec<u8>> {
    if let Some(profile) = heif.blocks().profile {
        return Some(profile.into_owned());
    }
    let part = heif.references(b"dimg", heif.primary).first().copied();
    let colours = heif
        .nclx(heif.primary)
        .or_else(|| part.and_then(|part| heif.nclx(part)))?;
    if let Some(curve) = hdr::Curve::new(colours.transfer) {
        hdr::to_srgb(image, curve, &colours);
        return None;
    }
    let profile = match colours.primaries {
        9 => ColorProfile::new_bt2020(),
        12 => ColorProfile::new_display_p3(),
        _ => return None,
    };
    profile.encode().ok()
}

fn is_grey(image: &image::RgbImage) -> bool {
    image.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b)
}

/// Whether colours stay within a level of what they are, as with the many files that say they are sRGB: those are left
/// untouched.
fn changes_nothing(convert: impl Fn(&[u8], &mut [u8]) -> bool) -> bool {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let colours: Vec<u8> = STEPS
        .iter()
        .flat_map(|&r| {
            STEPS
                .iter()
                .flat_map(move |&g| STEPS.iter().flat_map(move |&b| [r, g, b]))
        })
        .collect();
    let mut converted = vec![0; colours.len()];
    !convert(&colours, &mut converted) || colours.iter().zip(&converted).all(|(a, b)| a.abs_diff(*b) <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(profile: &ColorProfile, pixel: [u8; 3]) -> [u8; 3] {
        let mut image = image::RgbImage::from_pixel(3, 2, image::Rgb(pixel));
        to_srgb(&mut image, &profile.encode().unwrap());
        image.get_pixel(2, 1).0
    }

    fn assert_near(ours: [u8; 3], expected: [u8; 3]) {
        for (ours, expected) in ours.into_iter().zip(expected) {
            assert!(ours.abs_diff(expected) <= 2, "{ours} {expected}");
        }
    }

    /// The expected levels follow from the primaries, white points and curves of both spaces' definitions.
    #[test]
    fn wide_gamuts_are_brought_to_srgb() {
        let (p3, adobe) = (ColorProfile::new_display_p3(), ColorProfile::new_adobe_rgb());
        assert_near(converted(&p3, [200, 100, 50]), [215, 93, 31]);
        assert_near(converted(&p3, [0, 255, 0]), [0, 255, 0]);
        assert_near(converted(&adobe, [200, 100, 50]), [227, 100, 42]);
        for grey in [0, 77, 255] {
            assert_near(converted(&p3, [grey; 3]), [grey; 3]);
        }
    }

    #[test]
    fn srgb_itself_is_left_untouched() {
        assert_eq!(converted(&ColorProfile::new_srgb(), [201, 3, 77]), [201, 3, 77]);
    }

    #[test]
    fn a_damaged_profile_changes_nothing() {
        let whole = ColorProfile::new_display_p3().encode().unwrap();
        for end in [0, 4, 100, 128, 200, whole.len() - 1] {
            let mut image = image::RgbImage::from_pixel(1, 1, image::Rgb([200, 100, 50]));
            to_srgb(&mut image, &whole[..end]);
        }
    }

    #[test]
    fn a_grey_profile_is_followed() {
        let linear = ColorProfile::new_gray_with_gamma(1.0);
        assert_near(converted(&linear, [128; 3]), [188; 3]);
        // Not grey, so the profile is another image's.
        assert_eq!(converted(&linear, [128, 0, 0]), [128, 0, 0]);
    }
}
