use super::{Format, MediaError};

/// How large an image is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels (width times height) of an image.
    pub max_pixels: u64,
    /// Most memory that decoding one image may take, in bytes: the decoder's buffers and the RGB image together. A
    /// decoder's own tables and row buffers may exceed it by a little.
    pub max_alloc_bytes: u64,
}

impl Default for Limits {
    /// 200 megapixels and 768 MiB: every camera and most panoramas, and no more than that for a forged header.
    fn default() -> Self {
        Self {
            max_pixels: 200_000_000,
            max_alloc_bytes: 768 << 20,
        }
    }
}

impl Limits {
    /// Refuses an image without pixels, or with too many, or one that takes `needed` bytes to decode where that is too
    /// much: before any pixel is allocated.
    pub(super) fn check(&self, format: Format, width: u32, height: u32, needed: u64) -> Result<(), MediaError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(MediaError::Decode {
                format,
                message: format!("it is {width} x {height} pixels"),
            });
        }
        if pixels > self.max_pixels {
            return Err(MediaError::TooLarge {
                width,
                height,
                limit: self.max_pixels,
            });
        }
        if needed > self.max_alloc_bytes {
            return Err(MediaError::Memory {
                width,
                height,
                needed,
                limit: self.max_alloc_bytes,
            });
        }
        Ok(())
    }
}
