use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use image::ImageFormat;

use super::container::boxes::Boxes;
use super::container::heif::Heif;
use super::{MediaError, jp2, jxl, raw};

/// Image formats that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG: baseline and progressive; grey, colour and CMYK, of 8 bits.
    Jpeg,
    /// PNG, every colour type and depth; of an animation the picture that stands for it.
    Png,
    /// WebP, lossy and lossless; of an animation the first frame.
    WebP,
    /// GIF, its first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF: grey, RGB and CMYK of 8 and 16 bits, 1-bit, and RGB of 32-bit floats from 0 to 1; its first page.
    Tiff,
    /// Netpbm: PBM, PGM, PPM and PAM.
    Pnm,
    /// The Quite OK Image format.
    Qoi,
    /// Truevision TGA.
    Tga,
    /// Windows icon, its largest picture.
    Ico,
    /// JPEG 2000, as JP2 file or codestream.
    Jpeg2000,
    /// JPEG XL; of an animation the first frame.
    JpegXl,
    /// HEIC, as iPhones write it.
    Heic,
    /// AVIF.
    Avif,
    /// Canon RAW of before 2018, its preview, as of every RAW file.
    Cr2,
    /// Canon RAW since 2018.
    Cr3,
    /// Nikon RAW.
    Nef,
    /// Sony RAW.
    Arw,
    /// Adobe's digital negative, which many cameras write.
    Dng,
    /// Olympus RAW.
    Orf,
    /// Panasonic RAW.
    Rw2,
    /// Fujifilm RAW.
    Raf,
    /// RAW of another camera, in a TIFF.
    Raw,
}

impl Format {
    /// Whether it is a camera's RAW file.
    pub(super) fn is_raw(self) -> bool {
        matches!(
            self,
            Self::Cr2 | Self::Cr3 | Self::Nef | Self::Arw | Self::Dng | Self::Orf | Self::Rw2 | Self::Raf | Self::Raw
        )
    }

    /// What the image crate calls it, where that decodes it.
    pub(super) fn of_image_crate(self) -> Option<ImageFormat> {
        Some(match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
            Self::Bmp => ImageFormat::Bmp,
            Self::Tiff => ImageFormat::Tiff,
            Self::Pnm => ImageFormat::Pnm,
            Self::Qoi => ImageFormat::Qoi,
            Self::Tga => ImageFormat::Tga,
            Self::Ico => ImageFormat::Ico,
            _ => return None,
        })
    }
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
            Self::Tga => "TGA",
            Self::Ico => "ICO",
            Self::Jpeg2000 => "JPEG 2000",
            Self::JpegXl => "JPEG XL",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Cr2 => "CR2",
            Self::Cr3 => "CR3",
            Self::Nef => "NEF",
            Self::Arw => "ARW",
            Self::Dng => "DNG",
            Self::Orf => "ORF",
            Self::Rw2 => "RW2",
            Self::Raf => "RAF",
            Self::Raw => "camera RAW",
        })
    }
}

/// What the content is, where that is a format that [`decode`](super::decode) reads. The first bytes tell, and of camera
/// RAW the directories that they point to.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    if let Some(format) = raw::kind(bytes).or_else(|| heif_kind(bytes)) {
        return Some(format);
    }
    if bytes.starts_with(jxl::CONTAINER) || bytes.starts_with(&[0xff, 0x0a]) {
        return Some(Format::JpegXl);
    }
    if bytes.starts_with(jp2::CONTAINER) || bytes.starts_with(jp2::CODESTREAM) {
        return Some(Format::Jpeg2000);
    }
    Some(match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => Format::Jpeg,
        Ok(ImageFormat::Png) => Format::Png,
        Ok(ImageFormat::WebP) => Format::WebP,
        Ok(ImageFormat::Gif) => Format::Gif,
        Ok(ImageFormat::Bmp) => Format::Bmp,
        Ok(ImageFormat::Tiff) => Format::Tiff,
        Ok(ImageFormat::Pnm) => Format::Pnm,
        Ok(ImageFormat::Qoi) => Format::Qoi,
        Ok(ImageFormat::Ico) => Format::Ico,
        // BigTIFF, for files of more than 4 GiB, and of libraries that write nothing else.
        Err(_) if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") => Format::Tiff,
        Err(_) if is_tga(bytes) => Format::Tga,
        _ => return None,
    })
}

/// Which codec the pictures of an HEIF file have.
fn heif_kind(bytes: &[u8]) -> Option<Format> {
    let brands = Boxes::find(bytes, b"ftyp").filter(|_| bytes.get(4..8) == Some(b"ftyp"))?;
    match Heif::new(bytes).and_then(|heif| heif.coding()) {
        Some(kind) if kind == *b"av01" => return Some(Format::Avif),
        Some(kind) if kind == *b"hvc1" => return Some(Format::Heic),
        _ => {}
    }
    // The major brand, a version, and the brands that the file is compatible with.
    brands.as_chunks().0.iter().find_map(|brand| match brand {
        b"avif" | b"avis" => Some(Format::Avif),
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" => Some(Format::Heic),
        _ => None,
    })
}

/// Whether this is a TGA, which has no mark in front: its header of 18 bytes must be one that a writer would write.
fn is_tga(bytes: &[u8]) -> bool {
    let Some(
        &[
            _,
            map,
            kind,
            m0,
            m1,
            l0,
            l1,
            map_bits,
            _,
            _,
            _,
            _,
            w0,
            w1,
            h0,
            h1,
            bits,
            flags,
        ],
    ) = bytes.first_chunk()
    else {
        return false;
    };
    let has_map = (1..=256).contains(&u16::from_le_bytes([l0, l1])) && matches!(map_bits, 15 | 16 | 24 | 32);
    let no_map = [m0, m1, l0, l1, map_bits] == [0; 5];
    let pixels = match (map, kind) {
        (1, 1 | 9) => has_map && bits == 8,
        (0, 2 | 10) => no_map && matches!(bits, 15 | 16 | 24 | 32),
        (0, 3 | 11) => no_map && matches!(bits, 8 | 16),
        _ => false,
    };
    // Two bits of how lines are interleaved are not used any more.
    pixels && flags & 0xc0 == 0 && [w0, w1] != [0; 2] && [h0, h1] != [0; 2]
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
    match image::guess_format(bytes).ok()? {
        ImageFormat::Hdr => Some("Radiance HDR"),
        ImageFormat::OpenExr => Some("OpenEXR"),
        ImageFormat::Dds => Some("DDS"),
        ImageFormat::Farbfeld => Some("farbfeld"),
        _ => None,
    }
}

/// Extensions of photographs' names.
const EXTENSIONS: [&str; 42] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff", "pbm", "pgm", "ppm",
    "pnm", "pam", "qoi", "tga", "ico", "jp2", "j2k", "j2c", "jpc", "jpx", "jpf", "jxl", "heic", "heif", "hif", "avif",
    "cr2", "cr3", "nef", "nrw", "arw", "dng", "orf", "rw2", "raf", "pef", "srw",
];

/// Whether a file of this name is worth opening as a photograph, by its extension in any case: jpg, jpeg, jpe, jfif,
/// png, apng, webp, gif, bmp, dib, tif, tiff, pbm, pgm, ppm, pnm, pam, qoi, tga, ico, jp2, j2k, j2c, jpc, jpx, jpf, jxl, heic, heif, hif, avif, and of camera RAW cr2, cr3, nef, nrw,
/// arw, dng, orf, rw2, raf, pef and srw.
///
/// The extension selects candidates; the content decides what they are. A name without a known extension is none.
pub fn is_photo_name(path: &Path) -> bool {
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
        for name in ["jpg", ".jpg", "a.jpg.txt", "a.", "a.mov", "a.png/", ""] {
            let expected = name == "a.png/";
            assert_eq!(is_photo_name(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn content_that_is_not_decoded_is_named() {
        let message = |bytes: &[u8]| recognise(bytes).unwrap_err().to_string();
        assert_eq!(message(b""), "empty file");
        assert_eq!(message(b"hello, world"), "not an image: unrecognised content");
        assert!(message(b"DDS \x7c\0\0\0").contains("DDS"));
    }
}
