//! The AV1 decoder, and from its planes to RGB.

use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::contain::contain;
use super::container::heif::Nclx;
use super::{Format, MediaError};

/// The decoder keeps much on its stack.
const STACK_BYTES: usize = 8 << 20;

/// How often the decoder may ask to be called again before it gives a frame.
const MOST_TURNS: usize = 16;

/// Decodes the first frame of an AV1 stream to 8-bit RGB. `size` is what its frame may have at most, with what blocks add.
/// What the file says of its samples comes before what the stream says.
pub(super) fn decode(data: &[u8], size: (u32, u32), colours: Option<Nclx>) -> Result<image::RgbImage, MediaError> {
    let failed = |message: String| MediaError::Decode {
        format: Format::Avif,
        message,
    };
    if data.is_empty() {
        return Err(failed("its image has no data".to_owned()));
    }
    let limit = (size.0 + 128).saturating_mul(size.1 + 128);
    let picture = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                contain(Format::Avif, || {
                    first_frame(data.to_vec(), limit).map_err(|error| failed(error.to_string()))
                })
            })
            .map_err(|error| failed(error.to_string()))?
            .join()
            .unwrap_or_else(|_| Err(failed("the decoder gave up".to_owned())))
    })?;
    to_rgb(&picture, colours).ok_or_else(|| failed("its planes are not whole".to_owned()))
}

fn first_frame(data: Vec<u8>, limit: u32) -> Result<Picture, re_rav1d::dav1d::Error> {
    let mut settings = Settings::new();
    // Photographs are decoded side by side; one needs no threads of its own.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(limit);
    let mut decoder = Decoder::with_settings(&settings)?;
    let mut sent = decoder.send_data(data, None, None, None);
    for _ in 0..MOST_TURNS {
        match decoder.get_picture() {
            Err(error) if error.is_again() => {}
            result => return result,
        }
        match sent {
            Err(error) if !error.is_again() => return Err(error),
            _ => sent = decoder.send_pending_data(),
        }
    }
    sent.and(decoder.get_picture())
}

/// A plane of samples of one or two bytes.
struct Plane {
    bytes: re_rav1d::dav1d::Plane,
    stride: usize,
    wide: bool,
    /// How many times as wide and as high the image is, as a shift.
    shift: (u32, u32),
}

impl Plane {
    fn sample(&self, x: usize, y: usize) -> Option<f32> {
        let (x, y) = (x >> self.shift.0, y >> self.shift.1);
        let row = self.bytes.get(y * self.stride..)?;
        Some(if self.wide {
            f32::from(u16::from_ne_bytes(*row.get(2 * x..)?.first_chunk()?))
        } else {
            f32::from(*row.get(x)?)
        })
    }
}

/// Luminance and colour differences to RGB (ITU-T H.273, section 8.3).
fn to_rgb(picture: &Picture, colours: Option<Nclx>) -> Option<image::RgbImage> {
    let layout = picture.pixel_layout();
    let shift = match layout {
        PixelLayout::I420 => (1, 1),
        PixelLayout::I422 => (1, 0),
        _ => (0, 0),
    };
    let depth = picture.bit_depth();
    let plane = |component, shift| Plane {
        bytes: picture.plane(component),
        stride: picture.stride(component) as usize,
        wide: depth > 8,
        shift,
    };
    let y = plane(PlanarImageComponent::Y, (0, 0));
    let chroma = (layout != PixelLayout::I400).then(|| {
        let u = plane(PlanarImageComponent::U, shift);
        (u, plane(PlanarImageComponent::V, shift))
    });
    let unit = (1u32 << (depth.max(8) - 8)) as f32;
    let most = ((1u32 << depth.max(8)) - 1) as f32;
    let full = colours.map_or(picture.color_range() == YUVRange::Full, |colours| colours.full_range);
    let luminance = |sample: f32| {
        if full {
            sample / most
        } else {
            (sample - 16.0 * unit) / (219.0 * unit)
        }
    };
    let difference = |sample: f32| {
        let centred = sample - 128.0 * unit;
        if full { centred / most } else { centred / (224.0 * unit) }
    };
    let matrix = match colours.map(|colours| colours.matrix) {
        Some(0) => MatrixCoefficients::Identity,
        Some(1) => MatrixCoefficients::BT709,
        Some(5 | 6) => MatrixCoefficients::ST170M,
        Some(8) => MatrixCoefficients::YCgCo,
        Some(9) => MatrixCoefficients::BT2020NonConstantLuminance,
        // Unspecified, or one that is not known here.
        _ => picture.matrix_coefficients(),
    };
    let (red, blue) = match matrix {
        MatrixCoefficients::BT709 => (0.2126, 0.0722),
        MatrixCoefficients::BT2020NonConstantLuminance => (0.2627, 0.0593),
        _ => (0.299, 0.114),
    };
    let level = |value: f32| (value * 255.0).round() as u8;
    let (width, height) = (picture.width(), picture.height());
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for row in 0..height as usize {
        for column in 0..width as usize {
            let sample = y.sample(column, row)?;
            let Some((u, v)) = &chroma else {
                pixels.extend([level(luminance(sample)); 3]);
                continue;
            };
            let (u, v) = (u.sample(column, row)?, v.sample(column, row)?);
            let rgb = if matrix == MatrixCoefficients::Identity {
                [luminance(v), luminance(sample), luminance(u)]
            } else if matrix == MatrixCoefficients::YCgCo {
                let (l, green, orange) = (luminance(sample), difference(u), difference(v));
                [l - green + orange, l + green, l - green - orange]
            } else {
                let (l, cb, cr) = (luminance(sample), difference(u), difference(v));
                let (r, b) = (l + 2.0 * (1.0 - red) * cr, l + 2.0 * (1.0 - blue) * cb);
                [r, (l - red * r - blue * b) / (1.0 - red - blue), b]
            };
            pixels.extend(rgb.map(level));
        }
    }
    image::RgbImage::from_raw(width, height, pixels)
}
