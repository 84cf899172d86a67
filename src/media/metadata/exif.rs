//! EXIF (CIPA DC-008, section 4.6): tags in directories of a TIFF structure.

use super::{CaptureTime, Location, Metadata, clean, fill};
use crate::media::tiff::{Directory, Entry, Tiff};

/// Reads an EXIF block. Its words are those that Windows writes there.
pub(super) fn read(block: &[u8], metadata: &mut Metadata) {
    let Some(first) = Tiff::new(block).and_then(|tiff| tiff.first()) else {
        return;
    };
    if let Some(details) = first.directory(0x8769) {
        read_details(&details, metadata);
    }
    read_camera(&first, metadata);
    if let Some(location) = first.directory(0x8825) {
        read_location(&location, metadata);
    }
}

/// Reads the first directory: camera, words, and the time at which the file was changed where no other is known.
pub(in crate::media) fn read_camera(directory: &Directory<'_>, metadata: &mut Metadata) {
    fill(&mut metadata.make, directory.text(0x010f));
    fill(&mut metadata.model, directory.text(0x0110));
    fill(&mut metadata.title, directory.find(0x9c9b).and_then(wide_text));
    let caption = directory.find(0x9c9c).and_then(wide_text);
    fill(&mut metadata.caption, caption.or_else(|| directory.text(0x010e)));
    if let Some(keywords) = directory.find(0x9c9e).and_then(wide_text) {
        metadata.add_keywords(keywords.split(';').filter_map(clean));
    }
    let rating = directory.number(0x4746).filter(|rating| *rating <= 5);
    fill(&mut metadata.rating, rating.map(|rating| rating as i8));
    if metadata.taken.is_none() {
        metadata.taken = time(directory, 0x0132, 0x9290, 0x9010);
    }
}

/// Reads the directory of how the picture was taken: time and lens.
pub(in crate::media) fn read_details(directory: &Directory<'_>, metadata: &mut Metadata) {
    let original = time(directory, 0x9003, 0x9291, 0x9011);
    metadata.add_time(original.or_else(|| time(directory, 0x9004, 0x9292, 0x9012)));
    fill(&mut metadata.lens, directory.text(0xa434));
}

/// Reads the directory of where the picture was taken.
pub(in crate::media) fn read_location(directory: &Directory<'_>, metadata: &mut Metadata) {
    let degrees = |reference: u16, value: u16, negative: u8| {
        let parts: Vec<f64> = directory.find(value)?.fractions().take(3).collect();
        let degrees = parts
            .iter()
            .zip([1.0, 60.0, 3600.0])
            .map(|(part, unit)| part / unit)
            .sum::<f64>();
        let sign = directory.find(reference)?.bytes().first()?.to_ascii_uppercase() == negative;
        (!parts.is_empty()).then_some(if sign { -degrees } else { degrees })
    };
    let altitude = directory.find(6).and_then(|entry| entry.fractions().next());
    let below = directory.number(5) == Some(1);
    let altitude = altitude.map(|metres| if below { -metres } else { metres });
    if let (Some(latitude), Some(longitude)) = (degrees(1, 2, b'S'), degrees(3, 4, b'W')) {
        fill(&mut metadata.location, Location::new(latitude, longitude, altitude));
    }
}

/// A time with its decimals and its offset, each in a tag of its own.
fn time(directory: &Directory<'_>, time: u16, decimals: u16, offset: u16) -> Option<CaptureTime> {
    let time = CaptureTime::parse(&directory.text(time)?)?;
    Some(time.with_parts(directory.text(decimals).as_deref(), directory.text(offset).as_deref()))
}

/// A text in little-endian UTF-16, whatever the byte order of the rest.
fn wide_text(entry: Entry<'_>) -> Option<String> {
    let units = entry.bytes().as_chunks().0.iter().map(|&unit| u16::from_le_bytes(unit));
    clean(&char::decode_utf16(units).map(|c| c.unwrap_or(' ')).collect::<String>())
}
