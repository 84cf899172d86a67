use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use image::ImageFormat;

use super::MediaError;

/// Image formats that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG: baseline and progressive; grey, colour and CMYK.
    Jpeg,
    /// PNG, every colour type and depth.
    Png,
    /// WebP, lossy and lossless.
    WebP,
    /// GIF, its first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF: grey, RGB and CMYK of 8 and 16 bits, 1-bit, and RGB of 32-bit floats from 0 to 1.
    Tiff,
    /// Netpbm: PBM, PGM, PPM and PAM.
    Pnm,
    /// The Quite OK Image format.
    Qoi,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Pnm => "PNM",
            Self::Qoi => "QOI",
        })
    }
}

impl From<Format> for ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Jpeg => Self::Jpeg,
            Format::Png => Self::Png,
            Format::WebP => Self::WebP,
            Format::Gif => Self::Gif,
            Format::Bmp => Self::Bmp,
            Format::Tiff => Self::Tiff,
            Format::Pnm => Self::Pnm,
            Format::Qoi => Self::Qoi,
        }
    }
}

/// What the first bytes (16 are enough) announce, where that is a format that [`decode`](super::decode) reads.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    Some(match image::guess_format(bytes).ok()? {
        ImageFormat::Jpeg => Format::Jpeg,
        ImageFormat::Png => Format::Png,
        ImageFormat::WebP => Format::WebP,
        ImageFormat::Gif => Format::Gif,
        ImageFormat::Bmp => Format::Bmp,
        ImageFormat::Tiff => Format::Tiff,
        ImageFormat::Pnm => Format::Pnm,
        ImageFormat::Qoi => Format::Qoi,
        _ => return None,
    })
}

/// [`sniff`], with the reason where the content is nothing that can be decoded.
pub(super) fn recognise(bytes: &[u8]) -> Result<Format, MediaError> {
    if bytes.is_empty() {
        return Err(MediaError::Empty);
    }
    sniff(bytes).ok_or_else(|| foreign(bytes).map_or(MediaError::Unrecognised, MediaError::UnsupportedFormat))
}

/// Name of an image format that is recognised and not decoded.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    match bytes.get(4..12) {
        Some(b"ftypavif" | b"ftypavis") => return Some("AVIF"),
        Some(b"ftypheic" | b"ftypheix" | b"ftyphevc" | b"ftypmif1" | b"ftypmsf1") => return Some("HEIC"),
        _ => {}
    }
    match image::guess_format(bytes).ok()? {
        ImageFormat::Ico => Some("ICO"),
        ImageFormat::Hdr => Some("Radiance HDR"),
        ImageFormat::OpenExr => Some("OpenEXR"),
        ImageFormat::Dds => Some("DDS"),
        ImageFormat::Farbfeld => Some("farbfeld"),
        _ => None,
    }
}

/// Whether a file of this name is worth opening as a photograph, by its extension in any case: jpg, jpeg, jpe, jfif,
/// png, webp, gif, bmp, dib, tif, tiff, pbm, pgm, ppm, pnm, pam and qoi.
///
/// The extension selects candidates; the content decides what they are. A name without a known extension is none.
pub fn is_photo_name(path: &Path) -> bool {
    const EXTENSIONS: [&str; 17] = [
        "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "pbm", "pgm", "ppm", "pnm",
        "pam", "qoi",
    ];
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_extension_in_any_case() {
        for name in ["a.jpg", "dir.png/b.JPEG", "c.d.WebP", "e.TIF", "f.pam", "ä.Jfif"] {
            assert!(is_photo_name(Path::new(name)), "{name}");
        }
        for name in ["jpg", ".jpg", "a.jpg.txt", "a.", "a.heic", "a.png/", ""] {
            let expected = name == "a.png/";
            assert_eq!(is_photo_name(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn content_that_is_not_decoded_is_named() {
        let message = |bytes: &[u8]| recognise(bytes).unwrap_err().to_string();
        assert_eq!(message(b""), "empty file");
        assert_eq!(message(b"hello, world"), "not an image: unrecognised content");
        assert!(message(b"\0\0\0\x18ftypheic\0\0\0\0").contains("HEIC"));
        assert!(message(b"\0\0\0\x20ftypavif\0\0\0\0").contains("AVIF"));
        assert!(message(b"\0\0\x01\0\x01\0\x10\x10").contains("ICO"));
    }
}
