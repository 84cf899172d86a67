//! JPEG (ITU-T T.81): its marker segments, whether it is whole, and decoding to a fraction of its size.

mod bits;
mod frame;
mod huffman;
mod planes;
mod progressive;
mod scaled;
mod weights;

use std::borrow::Cow;
use std::io::BufRead;

pub(super) use planes::rgb;

use super::container::jpeg_blocks;
use super::{Format, Limits, MediaError, Orientation, Stored, inks, orientation, raster};

/// Longest decoding of a progressive JPEG: how many blocks all of its scans together may have. Cameras and editors write
/// about ten scans; a forged file could have thousands, each over the whole image.
const MAX_SCANNED_BLOCKS: u64 = 500_000_000;

/// A marker segment.
pub(super) struct Segment<'a> {
    /// The marker's second byte.
    pub marker: u8,
    /// What the segment holds, without marker and length.
    pub payload: &'a [u8],
    /// What follows the segment: of a start of scan, its coded data.
    pub after: &'a [u8],
}

/// The marker segments of a JPEG (annex B), in order, with the end-of-image marker as the last. Coded data between them is
/// passed over. Ends early where the file does.
pub(super) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Segments of the JPEG that `bytes` begin with.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let marker = next_marker(&mut self.rest)?;
            match marker {
                // End of image: what follows belongs to something else.
                0xd9 => {
                    let after = std::mem::take(&mut self.rest);
                    return Some(Segment {
                        marker,
                        payload: &[],
                        after,
                    });
                }
                // Start of image, and the one other marker without a length.
                0xd8 | 0x01 => continue,
                _ => {}
            }
            let (length, _) = self.rest.split_first_chunk::<2>()?;
            let (segment, after) = self.rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            self.rest = after;
            let payload = segment.get(2..).unwrap_or_default();
            return Some(Segment { marker, payload, after });
        }
    }
}

/// Moves `rest` behind the next marker and gives its second byte. In coded data 0xff stands before 0 (itself) and
/// restart markers, and any number of 0xff may fill the space before a marker.
fn next_marker(rest: &mut &[u8]) -> Option<u8> {
    loop {
        // A slice never fails to be read; at its end there is nothing left to split off.
        rest.skip_until(0xff).ok()?;
        let (&marker, after) = rest.split_first()?;
        match marker {
            0x00 | 0xd0..=0xd7 => *rest = after,
            0xff => {}
            _ => {
                *rest = after;
                return Some(marker);
            }
        }
    }
}

/// What a JPEG's markers tell of how it is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether coefficients come in several scans, so that all are kept in memory.
    pub progressive: bool,
    /// How many scans there are.
    scans: u64,
    /// Size in pixels.
    width: u16,
    height: u16,
    /// Colour components.
    components: u8,
    /// Bits a sample; 0 where there is no frame.
    precision: u8,
    /// The frame's marker.
    frame: u8,
}

impl Layout {
    /// What a frame's header tells.
    fn read_frame(&mut self, marker: u8, payload: &[u8]) {
        if let Some(&[precision, h0, h1, w0, w1, components]) = payload.first_chunk() {
            self.progressive |= matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
            (self.frame, self.precision) = (marker, precision);
            (self.width, self.height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
            self.components = components;
        }
    }

    /// Refuses variants that no decoder here knows, and more scans than the image can have in a few seconds.
    fn check(&self) -> Result<(), MediaError> {
        let format = Format::Jpeg;
        let message = match self.frame {
            0xc3 | 0xc7 | 0xcb | 0xcf => Some("lossless coding".to_owned()),
            0xc5 | 0xc6 => Some("hierarchical coding".to_owned()),
            0xc9..=0xcf => Some("arithmetic coding".to_owned()),
            _ if self.precision > 8 => Some(format!("{} bits a sample", self.precision)),
            _ => None,
        };
        if let Some(message) = message {
            return Err(MediaError::Unsupported { format, message });
        }
        let blocks = self.pixels() / 64 * u64::from(self.components);
        if self.progressive && blocks.saturating_mul(self.scans) > MAX_SCANNED_BLOCKS {
            let message = format!("{} scans are more than an image of this size has", self.scans);
            return Err(MediaError::Decode { format, message });
        }
        Ok(())
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The least of 1, 2, 4 and 8 eighths at which the shorter side has `enough` pixels.
    fn scale(&self, enough: u32) -> u64 {
        let shorter = u64::from(self.width.min(self.height));
        let reaches = |&scale: &u64| (shorter * scale).div_ceil(8) >= u64::from(enough);
        [1, 2, 4].into_iter().find(reaches).unwrap_or(8)
    }

    /// Memory that decoding to `scale` eighths takes: the RGB image, a second one while it is turned, and every coefficient
    /// (two bytes each) of a progressive JPEG until its last scan.
    fn needed_bytes(&self, scale: u64, orientation: Orientation) -> u64 {
        let images = if orientation == Orientation::NoTransforms { 1 } else { 2 };
        let reduced = self.pixels() * scale * scale / 64;
        let coefficients = if self.progressive {
            self.pixels() * 2 * u64::from(self.components)
        } else {
            0
        };
        reduced * 3 * images + coefficients
    }
}

/// Walks the markers to the end of the image.
///
/// The decoder fills missing scans with grey; a file that ends before its end-of-image marker is refused here, as
/// libjpeg's suspending reader and so PIL do.
pub(super) fn complete_layout(bytes: &[u8]) -> Result<Layout, MediaError> {
    let mut layout = Layout::default();
    for Segment { marker, payload, .. } in Segments::new(bytes) {
        match marker {
            0xd9 => return Ok(layout),
            0xda => layout.scans += 1,
            // Frames, of which some are progressive.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                layout.read_frame(marker, payload);
            }
            _ => {}
        }
    }
    Err(MediaError::Truncated { format: Format::Jpeg })
}

/// Width and height in pixels, where the bytes begin with a whole JPEG of a kind that is decoded.
pub(super) fn decodable_size(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return None;
    }
    let layout = complete_layout(bytes).ok()?;
    layout.check().ok()?;
    let size = (u32::from(layout.width), u32::from(layout.height));
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// Decodes a JPEG to the smallest of 1, 2, 4 and 8 eighths of its size at which the shorter side has `enough` pixels.
///
/// What the decoder of reduced images refuses (ink colours, rare samplings, damage) the full decoder takes: it mends what
/// it can.
pub(super) fn decode(bytes: &[u8], limits: &Limits, enough: u32) -> Result<Stored, MediaError> {
    let layout = complete_layout(bytes)?;
    layout.check()?;
    let blocks = jpeg_blocks(bytes);
    let orientation = orientation::of_blocks(&blocks);
    let size = (u32::from(layout.width), u32::from(layout.height));
    let scale = layout.scale(enough);
    if scale < 8 {
        limits.check(Format::Jpeg, size.0, size.1, layout.needed_bytes(scale, orientation))?;
        if let Ok(image) = scaled::decode_scaled(bytes, scale as usize) {
            return Ok(Stored {
                image,
                size,
                orientation,
                profile: blocks.profile.map(Cow::into_owned),
            });
        }
    }
    let needed = layout.needed_bytes(8, orientation);
    if layout.components == 4
        && let Some(profile) = &blocks.profile
    {
        // The inks besides the image.
        limits.check(Format::Jpeg, size.0, size.1, needed + layout.pixels() * 4)?;
        let rgb = inks::decode_jpeg(bytes, profile);
        if let Some(image) = rgb.and_then(|rgb| image::RgbImage::from_raw(size.0, size.1, rgb)) {
            return Ok(Stored {
                image,
                size,
                orientation,
                profile: None,
            });
        }
    }
    limits.check(Format::Jpeg, size.0, size.1, needed)?;
    raster::decode(bytes, Format::Jpeg, limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_looked_for_outside_segments_and_coded_data() {
        // An end-of-image marker in an APP1 segment (a thumbnail's) does not count.
        let head = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xff, 0xda, 0, 2];
        let scan = [1, 0xff, 0, 0xff, 0xd3, 7];
        let whole = [&head[..], &scan, &[0xff, 0xd9]].concat();
        let layout = complete_layout(&whole).unwrap();
        assert_eq!((layout.progressive, layout.scans), (false, 1));
        for end in 0..whole.len() {
            assert!(complete_layout(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn frames_tell_of_scans_and_samples() {
        let layout = |frame| {
            let bytes = [0xff, 0xd8, 0xff, frame, 0, 8, 12, 0, 16, 0, 24, 3, 0xff, 0xd9, 5, 5];
            complete_layout(&bytes).unwrap()
        };
        assert!(layout(0xc2).progressive && !layout(0xc0).progressive && !layout(0xc4).progressive);
        assert_eq!((layout(0xc2).width, layout(0xc2).height), (24, 16));
        let error = layout(0xc1).check().unwrap_err();
        assert!(error.to_string().contains("12 bits a sample"), "{error}");
    }

    #[test]
    fn more_scans_than_can_be_waited_for_are_refused() {
        let layout = |scans| Layout {
            progressive: true,
            scans,
            width: 4000,
            height: 3000,
            components: 3,
            precision: 8,
            frame: 0xc2,
        };
        assert!(layout(12).check().is_ok());
        assert!(layout(5_000).check().is_err());
    }

    #[test]
    fn the_smallest_scale_that_is_enough_is_taken() {
        let layout = Layout {
            width: 4000,
            height: 3000,
            ..Layout::default()
        };
        let scales = [375, 376, 448, 751, 1500, 1501, u32::MAX].map(|enough| layout.scale(enough));
        assert_eq!(scales, [1, 2, 2, 4, 4, 8, 8]);
    }
}
