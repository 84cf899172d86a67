//! The one picture type that the rooms share: what `media` decodes and `encoder` embeds.

/// An 8-bit sRGB image: rows top to bottom, three bytes a pixel, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl RgbImage {
    /// Wraps `data`, which must hold `width * height * 3` bytes and at least one pixel; `None` otherwise.
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Option<Self> {
        let expected = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (expected > 0 && data.len() == expected).then_some(Self { width, height, data })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels: `height` rows of `width` RGB triples.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_buffer_of_another_size() {
        assert!(RgbImage::new(2, 2, vec![0; 11]).is_none());
        assert!(RgbImage::new(0, 2, vec![]).is_none());
        assert!(RgbImage::new(u32::MAX, u32::MAX, vec![]).is_none());
        assert!(RgbImage::new(2, 2, vec![0; 12]).is_some());
    }
}
