//! Pictures of cyan, magenta, yellow and black ink, as print shops have them.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{colour, jpeg, pixels};

/// RGB triples of inks, where 255 is full ink: as the ICC profile says, where it is one of these inks, or else as if each
/// were perfect.
pub(super) fn to_rgb(inks: &[[u8; 4]], profile: Option<&[u8]>) -> Vec<u8> {
    if let Some(rgb) = profile
        .and_then(read_profile)
        .and_then(|profile| follow(inks, &profile))
    {
        return rgb;
    }
    let rgb = inks.iter().flat_map(|&[c, m, y, k]| pixels::of_ink([c, m, y], k));
    rgb.collect()
}

/// A profile, where it is one of four inks.
fn read_profile(profile: &[u8]) -> Option<ColorProfile> {
    colour::read_profile(profile).filter(|profile| profile.color_space == DataColorSpace::Cmyk)
}

fn follow(inks: &[[u8; 4]], profile: &ColorProfile) -> Option<Vec<u8>> {
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    // Four inks lie as colours with opacity do.
    let transform = profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options);
    let mut rgb = vec![0; inks.len() * 3];
    transform.ok()?.transform(inks.as_flattened(), &mut rgb).ok()?;
    Some(rgb)
}

/// The RGB triples of a JPEG of four inks whose profile is known; the decoder of other JPEGs takes the inks to be perfect.
/// `None` where the profile is not one of inks, or the JPEG is damaged.
pub(super) fn decode_jpeg(bytes: &[u8], profile: &[u8]) -> Option<Vec<u8>> {
    let profile = read_profile(profile)?;
    let options = DecoderOptions::default().set_strict_mode(false);
    let options = options.set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let space = decoder.input_colorspace()?;
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let mut samples = decoder.decode().ok()?;
    for sample in samples.as_chunks_mut::<4>().0 {
        // Adobe's programs, of which all such JPEGs are, write how much paper is left. Of luminance and colour differences
        // become the inks themselves.
        let [a, b, c, black] = *sample;
        let [cyan, magenta, yellow] = match space {
            ColorSpace::CMYK => [255 - a, 255 - b, 255 - c],
            ColorSpace::YCCK => jpeg::rgb([a, b, c]),
            _ => return None,
        };
        *sample = [cyan, magenta, yellow, 255 - black];
    }
    follow(samples.as_chunks().0, &profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_profile_inks_are_perfect() {
        let inks = [[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 255, 255, 51]];
        let rgb = to_rgb(&inks, Some(b"no profile"));
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 0, 0, 0, 204, 0, 0]);
    }

    #[test]
    fn a_profile_of_other_colours_is_not_followed() {
        let profile = ColorProfile::new_display_p3().encode().unwrap();
        assert_eq!(to_rgb(&[[255, 0, 0, 0]], Some(&profile)), [0, 255, 255]);
        assert!(decode_jpeg(include_bytes!("tests/cmyk.jpg"), &profile).is_none());
    }
}
