use image::DynamicImage;

/// A sample of a decoded image and its meaning as one of 256 levels.
///
/// 16-bit samples are rounded to the nearest level, where PIL drops the low byte of colour images: the two differ by at
/// most one level. Floats run from 0 to 1.
pub(super) trait Sample: Copy {
    /// The nearest of 256 levels.
    fn level(self) -> u8;

    /// The nearest of 256 levels of this sample, of opacity `alpha`, over white.
    fn over_white(self, alpha: Self) -> u8;
}

impl Sample for u8 {
    fn level(self) -> u8 {
        self
    }

    fn over_white(self, alpha: Self) -> u8 {
        let (value, alpha) = (u32::from(self), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    }
}

impl Sample for u16 {
    fn level(self) -> u8 {
        ((u32::from(self) + 128) / 257) as u8
    }

    fn over_white(self, alpha: Self) -> u8 {
        const MAX: u64 = u16::MAX as u64;
        let (value, alpha) = (u64::from(self), u64::from(alpha));
        let sum = value * alpha + MAX * (MAX - alpha);
        ((sum * 255 + MAX * MAX / 2) / (MAX * MAX)) as u8
    }
}

impl Sample for f32 {
    fn level(self) -> u8 {
        // The cast saturates, and makes 0 of what is not a number.
        (self * 255.0).round() as u8
    }

    fn over_white(self, alpha: Self) -> u8 {
        let alpha = alpha.clamp(0.0, 1.0);
        (self.clamp(0.0, 1.0) * alpha + (1.0 - alpha)).level()
    }
}

/// The 8-bit RGB triples of an image of any kind; transparency is laid over white.
pub(super) fn to_rgb8(image: DynamicImage) -> Vec<u8> {
    match image {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma8(image) => grey(&image),
        DynamicImage::ImageLumaA8(image) => grey_alpha(&image),
        DynamicImage::ImageRgba8(image) => rgba(&image),
        DynamicImage::ImageLuma16(image) => grey(&image),
        DynamicImage::ImageLumaA16(image) => grey_alpha(&image),
        DynamicImage::ImageRgb16(image) => rgb(&image),
        DynamicImage::ImageRgba16(image) => rgba(&image),
        DynamicImage::ImageRgb32F(image) => rgb(&image),
        DynamicImage::ImageRgba32F(image) => rgba(&image),
        other => other.into_rgb8().into_raw(),
    }
}

/// RGB triples of grey samples.
pub(super) fn grey<S: Sample>(samples: &[S]) -> Vec<u8> {
    samples.iter().flat_map(|value| [value.level(); 3]).collect()
}

/// RGB triples of grey samples with opacity, over white.
pub(super) fn grey_alpha<S: Sample>(samples: &[S]) -> Vec<u8> {
    samples
        .as_chunks()
        .0
        .iter()
        .flat_map(|&[value, alpha]| [value.over_white(alpha); 3])
        .collect()
}

fn rgb<S: Sample>(samples: &[S]) -> Vec<u8> {
    samples.iter().map(|value| value.level()).collect()
}

/// RGB triples of RGB samples with opacity, over white.
pub(super) fn rgba<S: Sample>(samples: &[S]) -> Vec<u8> {
    samples
        .as_chunks()
        .0
        .iter()
        .flat_map(|&[r, g, b, alpha]| [r, g, b].map(|value| value.over_white(alpha)))
        .collect()
}

/// The RGB triple of cyan, magenta, yellow and black inks, where 255 is full ink: the paper's light is taken away twice.
pub(super) fn of_ink(colours: [u8; 3], black: u8) -> [u8; 3] {
    let left = u32::from(255 - black);
    colours.map(|colour| ((u32::from(255 - colour) * left + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_round_to_the_nearest_level() {
        for value in 0..=u16::MAX {
            let exact = (f64::from(value) * 255.0 / 65535.0).round() as u8;
            assert_eq!(value.level(), exact);
            assert_eq!(value.over_white(u16::MAX), exact);
        }
    }

    #[test]
    fn transparency_over_white_is_rounded_to_the_nearest_level() {
        for (value, alpha) in (0..=255u8).flat_map(|value| (0..=255u8).map(move |alpha| (value, alpha))) {
            let opacity = f64::from(alpha) / 255.0;
            let exact = f64::from(value) * opacity + 255.0 * (1.0 - opacity);
            assert!(
                (f64::from(value.over_white(alpha)) - exact).abs() <= 0.5 + 1e-9,
                "{value} at {alpha}"
            );
            let wide = (u16::from(value) * 257).over_white(u16::from(alpha) * 257);
            assert_eq!(wide, value.over_white(alpha), "{value} at {alpha}");
        }
    }

    #[test]
    fn floats_saturate() {
        assert_eq!(
            [-1.0f32, 0.0, 0.5, 1.0, 7.0, f32::NAN].map(Sample::level),
            [0, 0, 128, 255, 255, 0]
        );
        assert_eq!(0.0f32.over_white(0.0), 255);
        assert_eq!(9.0f32.over_white(1.0), 255);
    }
}
