//! Camera RAW files, of which the JPEG is taken that the camera put in: what it would have shown itself, in full size with
//! most cameras.

use std::borrow::Cow;
use std::io::BufRead;

use super::container::boxes::Boxes;
use super::container::{Blocks, jpeg_blocks, tiff_blocks};
use super::metadata::{Metadata, read_camera, read_details, read_location};
use super::tiff::{Directory, Tiff};
use super::{Format, Limits, MediaError, Orientation, Stored, jpeg, orientation, raster};

/// Tags of TIFF 6.0 and of what cameras add.
mod tag {
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const MAKE: u16 = 271;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const SUB_DIRECTORIES: u16 = 330;
    pub const JPEG_OFFSET: u16 = 513;
    pub const JPEG_LENGTH: u16 = 514;
    /// Panasonic's.
    pub const JPEG_FROM_RAW: [u16; 2] = [0x002e, 0x0127];
    pub const DNG_VERSION: u16 = 0xc612;
}

/// A preview whose shorter side has as many pixels is not looked for further.
const LARGE_PREVIEW: u32 = 480;

/// Most places that are looked at for a preview where no directory tells.
const MAX_STARTS: usize = 256;

/// Canon's boxes in a CR3.
const CANON: [u8; 16] = *b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
/// Adobe's box of XMP.
const XMP: [u8; 16] = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

/// Which camera's RAW file this is, if it is one.
pub(super) fn kind(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"FUJIFILMCCD-RAW ") {
        return Some(Format::Raf);
    }
    if bytes.get(4..12) == Some(b"ftypcrx ") {
        return Some(Format::Cr3);
    }
    let tiff = Tiff::new(bytes)?;
    match tiff.magic() {
        0x55 => return Some(Format::Rw2),
        0x4f52 | 0x5352 => return Some(Format::Orf),
        _ => {}
    }
    if bytes.get(8..10) == Some(b"CR") {
        return Some(Format::Cr2);
    }
    let first = tiff.first()?;
    if first.find(tag::DNG_VERSION).is_some() {
        return Some(Format::Dng);
    }
    // A colour filter's mosaic, or what was made of it before colours.
    let is_raw = |directory: &Directory<'_>| matches!(directory.number(tag::PHOTOMETRIC), Some(32_803 | 34_892));
    if !tiff.directories(&[tag::SUB_DIRECTORIES]).iter().any(is_raw) {
        return None;
    }
    let make = first.text(tag::MAKE).unwrap_or_default().to_ascii_uppercase();
    Some(match make {
        make if make.starts_with("NIKON") => Format::Nef,
        make if make.starts_with("SONY") => Format::Arw,
        _ => Format::Raw,
    })
}

/// Decodes the largest preview, to no more than the shorter side needs.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits, enough: u32) -> Result<Stored, MediaError> {
    let Some(preview) = largest_preview(bytes, format) else {
        return small_image(bytes, limits).ok_or_else(|| MediaError::Unsupported {
            format,
            message: "it has no preview".to_owned(),
        });
    };
    let mut stored = jpeg::decode(preview, limits, enough)?;
    // Most previews lie as the sensor saw them, and only the file says how that was held.
    if jpeg_blocks(preview).exif.is_none() {
        let structure = if format == Format::Cr3 {
            canon_box(bytes, b"CMT1")
        } else {
            Some(bytes)
        };
        stored.orientation = structure
            .and_then(orientation::in_exif)
            .unwrap_or(Orientation::NoTransforms);
    }
    Ok(stored)
}

/// What the file says of itself.
pub(super) fn metadata(bytes: &[u8], format: Format) -> Metadata {
    match format {
        Format::Raf => preview_of_raf(bytes).map_or_else(Metadata::default, |jpeg| Metadata::read(&jpeg_blocks(jpeg))),
        Format::Cr3 => metadata_of_cr3(bytes),
        _ => Metadata::read(&tiff_blocks(bytes)),
    }
}

/// The colour image that the first directory holds without compression, where there is one: cameras of long ago and
/// converters that are told to leave previews out have no other.
fn small_image(bytes: &[u8], limits: &Limits) -> Option<Stored> {
    let first = Tiff::new(bytes)?.first()?;
    let plain = first.number(tag::PHOTOMETRIC) == Some(2) && first.number(tag::COMPRESSION) == Some(1);
    plain.then(|| raster::decode(bytes, Format::Tiff, limits).ok())?
}

/// The JPEG with the most pixels.
fn largest_preview(bytes: &[u8], format: Format) -> Option<&[u8]> {
    let listed = match format {
        Format::Raf => preview_of_raf(bytes).into_iter().collect(),
        Format::Cr3 => previews_of_cr3(bytes),
        _ => Tiff::new(bytes).map(previews_of_tiff).unwrap_or_default(),
    };
    let best = listed.into_iter().filter_map(measured).max_by_key(|(size, _)| *size);
    if let Some(((_, shorter), preview)) = best
        && shorter >= LARGE_PREVIEW
    {
        return Some(preview);
    }
    let found = starts(bytes).filter_map(measured);
    best.into_iter()
        .chain(found)
        .max_by_key(|(size, _)| *size)
        .map(|(_, preview)| preview)
}

/// A JPEG with its pixels and its shorter side, where it is one that is decoded.
fn measured(preview: &[u8]) -> Option<((u64, u32), &[u8])> {
    let (width, height) = jpeg::decodable_size(preview)?;
    Some(((u64::from(width) * u64::from(height), width.min(height)), preview))
}

/// Wherever a JPEG may begin, for cameras that keep their previews in notes of their own.
fn starts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let next = move || {
        loop {
            // A slice never fails to be read.
            rest.skip_until(0xff).ok().filter(|skipped| *skipped > 0)?;
            if rest.starts_with(&[0xd8, 0xff]) {
                let start = bytes.len() - rest.len() - 1;
                return bytes.get(start..);
            }
        }
    };
    std::iter::from_fn(next).take(MAX_STARTS)
}

fn previews_of_tiff(tiff: Tiff<'_>) -> Vec<&[u8]> {
    let bytes = tiff.bytes();
    let mut previews = Vec::new();
    for directory in tiff.directories(&[tag::SUB_DIRECTORIES]) {
        let at = |offset: u16, length: u16| {
            let (offset, length) = (directory.number(offset)? as usize, directory.number(length)? as usize);
            bytes.get(offset..offset.checked_add(length)?)
        };
        previews.extend(at(tag::JPEG_OFFSET, tag::JPEG_LENGTH));
        let one_strip = directory
            .find(tag::STRIP_OFFSETS)
            .is_some_and(|strips| strips.numbers().count() == 1);
        if one_strip && matches!(directory.number(tag::COMPRESSION), Some(6 | 7)) {
            previews.extend(at(tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS));
        }
        let entries = tag::JPEG_FROM_RAW.iter().filter_map(|&tag| directory.find(tag));
        previews.extend(entries.map(|entry| entry.bytes()));
    }
    previews
}

/// A RAF begins with a header that says where the preview lies.
fn preview_of_raf(bytes: &[u8]) -> Option<&[u8]> {
    let &[a, b, c, d, e, f, g, h] = bytes.get(84..)?.first_chunk()?;
    let (offset, length) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    bytes.get(offset as usize..)?.get(..length as usize)
}

/// The content of a box of 16 bytes of name.
fn named_box<'a>(bytes: &'a [u8], name: &[u8; 16]) -> Option<&'a [u8]> {
    let named = Boxes::new(bytes).filter(|found| found.kind == *b"uuid");
    named.filter_map(|found| found.content.strip_prefix(name)).next()
}

/// One of Canon's boxes in a CR3.
fn canon_box<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    Boxes::find(named_box(Boxes::find(bytes, b"moov")?, &CANON)?, kind)
}

/// A CR3 is a film whose first track is one JPEG; the raw image is another track, and a smaller preview is in a box of its
/// own, which a search finds.
fn previews_of_cr3(bytes: &[u8]) -> Vec<&[u8]> {
    let tracks = Boxes::new(Boxes::find(bytes, b"moov").unwrap_or_default()).filter(|found| found.kind == *b"trak");
    let sample = |track: &[u8]| {
        let media = Boxes::find(Boxes::find(track, b"mdia")?, b"minf")?;
        let table = Boxes::find(media, b"stbl")?;
        // Version and flags, then the size of every sample; version and flags, how many, then the first offset.
        let length = u32::from_be_bytes(*Boxes::find(table, b"stsz")?.get(4..)?.first_chunk()?);
        let offset = u64::from_be_bytes(*Boxes::find(table, b"co64")?.get(8..)?.first_chunk()?);
        bytes.get(usize::try_from(offset).ok()?..)?.get(..length as usize)
    };
    tracks.filter_map(|track| sample(track.content)).collect()
}

/// A CR3 has a TIFF structure for each of EXIF's directories.
fn metadata_of_cr3(bytes: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let directory = |kind| canon_box(bytes, kind).and_then(Tiff::new).and_then(|tiff| tiff.first());
    if let Some(details) = directory(b"CMT2") {
        read_details(&details, &mut metadata);
    }
    if let Some(camera) = directory(b"CMT1") {
        read_camera(&camera, &mut metadata);
    }
    if let Some(location) = directory(b"CMT4") {
        read_location(&location, &mut metadata);
    }
    metadata.add_written(&Blocks {
        xmp: named_box(bytes, &XMP).map(Cow::Borrowed),
        ..Blocks::default()
    });
    metadata
}
