use std::io::BufRead;

use super::{Format, MediaError};

/// What a JPEG's markers tell of how it is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether coefficients come in several scans, so that all are kept in memory.
    pub progressive: bool,
}

/// Walks the markers (ITU-T T.81, annex B) to the end of the image.
///
/// The decoder fills missing scans with grey; a file that ends before its end-of-image marker is refused here, as
/// libjpeg's suspending reader and so PIL do.
pub(super) fn complete_layout(bytes: &[u8]) -> Result<Layout, MediaError> {
    let cut_off = MediaError::Truncated { format: Format::Jpeg };
    let mut layout = Layout::default();
    let mut rest = bytes;
    while let Some(marker) = next_marker(&mut rest) {
        match marker {
            // End of image.
            0xd9 => return Ok(layout),
            // Start of image, and the one other marker without a length.
            0xd8 | 0x01 => continue,
            // Frames of progressive coding.
            0xc2 | 0xc6 | 0xca | 0xce => layout.progressive = true,
            _ => {}
        }
        let Some((length, _)) = rest.split_first_chunk::<2>() else {
            break;
        };
        let Some(after) = rest.get(usize::from(u16::from_be_bytes(*length))..) else {
            break;
        };
        rest = after;
    }
    Err(cut_off)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_looked_for_outside_segments_and_coded_data() {
        // An end-of-image marker in an APP1 segment (a thumbnail's) does not count.
        let head = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xff, 0xda, 0, 2];
        let scan = [1, 0xff, 0, 0xff, 0xd3, 7];
        let whole = [&head[..], &scan, &[0xff, 0xd9]].concat();
        assert_eq!(complete_layout(&whole), Ok(Layout { progressive: false }));
        for end in 0..whole.len() {
            assert!(complete_layout(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn progressive_frames_are_told() {
        let bytes = [0xff, 0xd8, 0xff, 0xc2, 0, 3, 8, 0xff, 0xd9, 5, 5];
        assert_eq!(complete_layout(&bytes), Ok(Layout { progressive: true }));
    }
}
