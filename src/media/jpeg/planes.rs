use super::frame::{Component, Frame};
use super::scaled::Refused;

/// The reduced samples of one row of units, and the RGB image that they become.
pub(super) struct Planes<'a> {
    frame: &'a Frame,
    /// Whether the components are red, green and blue already.
    rgb: bool,
    /// Samples in a row of a plane: those of the units, which may go beyond the image.
    stride: usize,
    planes: Vec<Vec<u8>>,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl<'a> Planes<'a> {
    pub fn new(frame: &'a Frame, rgb: bool) -> Self {
        let stride = frame.units_across * frame.unit_width;
        let (width, height) = (
            (frame.width * frame.scale).div_ceil(8),
            (frame.height * frame.scale).div_ceil(8),
        );
        Self {
            frame,
            rgb,
            stride,
            planes: vec![vec![0; stride * frame.unit_height]; frame.components.len()],
            width,
            height,
            pixels: Vec::with_capacity(width * height * 3),
        }
    }

    /// Stores a block's samples, in rows; `at` counts the component's blocks in this unit.
    #[inline]
    pub fn put<const SAMPLES: usize>(
        &mut self,
        place: usize,
        component: &Component,
        unit: usize,
        at: usize,
        samples: &[f32; SAMPLES],
    ) {
        let Some(plane) = self.planes.get_mut(place) else {
            return;
        };
        // Samples are stored with 128 taken off; the cast drops the fraction and saturates.
        let levels = samples.map(|sample| (sample + 128.5) as u8);
        let left = unit * self.frame.unit_width + at % component.across * component.columns;
        let top = at / component.across * component.rows;
        let target = plane.get_mut(top * self.stride + left..).unwrap_or_default();
        match component.columns {
            1 => put_rows::<1>(target, self.stride, &levels),
            2 => put_rows::<2>(target, self.stride, &levels),
            4 => put_rows::<4>(target, self.stride, &levels),
            _ => put_rows::<8>(target, self.stride, &levels),
        }
    }

    /// Turns the row of units to pixels.
    pub fn finish_row(&mut self) {
        let done = self.pixels.len() / (3 * self.width);
        for row in 0..self.frame.unit_height.min(self.height - done) {
            let line = row * self.stride..row * self.stride + self.width;
            match self.planes.as_slice() {
                [grey] => self.pixels.extend(grey[line].iter().flat_map(|&level| [level; 3])),
                [first, second, third] => {
                    let samples = first[line.clone()].iter().zip(&second[line.clone()]).zip(&third[line]);
                    let samples = samples.map(|((&a, &b), &c)| [a, b, c]);
                    if self.rgb {
                        self.pixels.extend(samples.flatten());
                    } else {
                        self.pixels.extend(samples.flat_map(rgb));
                    }
                }
                _ => {}
            }
        }
    }

    pub fn into_image(self) -> Result<image::RgbImage, Refused> {
        image::RgbImage::from_raw(self.width as u32, self.height as u32, self.pixels).ok_or(Refused)
    }
}

/// Stores rows of `COLUMNS` samples at the front of the rows of a plane.
#[inline]
fn put_rows<const COLUMNS: usize>(plane: &mut [u8], stride: usize, levels: &[u8]) {
    for (row, levels) in levels.as_chunks::<COLUMNS>().0.iter().enumerate() {
        if let Some(target) = plane.get_mut(row * stride..).and_then(<[u8]>::first_chunk_mut) {
            *target = *levels;
        }
    }
}

/// Luminance and two colour differences to RGB (ITU-T T.871, section 7), in 16-bit fixed point.
#[inline]
pub(in crate::media) fn rgb([luminance, blue, red]: [u8; 3]) -> [u8; 3] {
    let y = (i32::from(luminance) << 16) + (1 << 15);
    let (cb, cr) = (i32::from(blue) - 128, i32::from(red) - 128);
    [y + 91_881 * cr, y - 22_554 * cb - 46_802 * cr, y + 116_130 * cb].map(|level| (level >> 16).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_standard() {
        for (y, cb, cr) in [
            (0, 128, 128),
            (255, 128, 128),
            (76, 85, 255),
            (29, 255, 107),
            (150, 43, 21),
        ] {
            let [yf, b, r] = [f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0];
            let exact = [yf + 1.402 * r, yf - 0.344_136 * b - 0.714_136 * r, yf + 1.772 * b];
            let ours = rgb([y, cb, cr]);
            for (ours, exact) in ours.into_iter().zip(exact) {
                assert_eq!(ours, exact.round().clamp(0.0, 255.0) as u8, "{y} {cb} {cr}");
            }
        }
    }
}
