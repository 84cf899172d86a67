//! Where image files keep what they say of themselves, whatever the kind of image: EXIF, XMP, IPTC and colour profiles.

pub(super) mod boxes;
pub(super) mod heif;
mod jpeg;
mod png;
mod riff;

use std::borrow::Cow;

pub(super) use jpeg::blocks as jpeg_blocks;

use super::tiff::Tiff;
use super::{Format, jp2, jxl};

/// What a file says of itself, as it stands in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blocks<'a> {
    /// EXIF: a TIFF structure.
    pub exif: Option<Cow<'a, [u8]>>,
    /// An XMP packet, in XML.
    pub xmp: Option<Cow<'a, [u8]>>,
    /// IPTC's data sets (Information Interchange Model).
    pub iptc: Option<Cow<'a, [u8]>>,
    /// An ICC colour profile.
    pub profile: Option<Cow<'a, [u8]>>,
}

/// What a file of this format says of itself, where that is found without decoding it. Of PNG, whose profiles are
/// compressed, the profile is left to the decoder.
pub(super) fn blocks(format: Format, bytes: &[u8]) -> Blocks<'_> {
    match format {
        Format::Jpeg => jpeg_blocks(bytes),
        Format::Png => png::blocks(bytes),
        Format::WebP => riff::blocks(bytes),
        Format::Tiff => tiff_blocks(bytes),
        Format::JpegXl => jxl::blocks(bytes),
        Format::Jpeg2000 => jp2::blocks(bytes),
        Format::Heic | Format::Avif => heif::Heif::new(bytes).map(|heif| heif.blocks()).unwrap_or_default(),
        _ => Blocks::default(),
    }
}

/// A TIFF is its own EXIF block; the rest is in tags of its first directory.
pub(super) fn tiff_blocks(bytes: &[u8]) -> Blocks<'_> {
    let Some(first) = Tiff::new(bytes).and_then(|tiff| tiff.first()) else {
        return Blocks::default();
    };
    let block = |tag| first.find(tag).map(|entry| Cow::Borrowed(entry.bytes()));
    Blocks {
        exif: Some(Cow::Borrowed(bytes)),
        xmp: block(700),
        iptc: block(33_723),
        profile: block(34_675),
    }
}
