//! What a photograph's file says of how and where it was taken, and what people wrote of it: from EXIF, XMP and IPTC.

mod exif;
mod iptc;
mod time;
mod xmp;

use serde::{Deserialize, Serialize};

pub(super) use exif::{read_camera, read_details, read_location};
pub use time::CaptureTime;
pub(super) use xmp::orientation;

use super::container::Blocks;

/// Longest text that is kept, in bytes; a caption is a few sentences.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// Most keywords that are kept.
const MAX_KEYWORDS: usize = 512;

/// What a photograph's file says of it. Everything is optional; what is damaged counts as missing.
///
/// Camera, lens, time and place are taken from EXIF, and from XMP where EXIF has none; what people wrote is taken from XMP,
/// then IPTC, then EXIF. Texts have no control characters and no space around them, and are never empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// When it was taken.
    pub taken: Option<CaptureTime>,
    /// Maker of the camera.
    pub make: Option<String>,
    /// Model of the camera.
    pub model: Option<String>,
    /// Model of the lens.
    pub lens: Option<String>,
    /// Where it was taken.
    pub location: Option<Location>,
    /// Title.
    pub title: Option<String>,
    /// Caption, or description.
    pub caption: Option<String>,
    /// Keywords of all sources in their order, each once.
    pub keywords: Vec<String>,
    /// Stars from 0 (none) to 5; -1 for a rejected photograph.
    pub rating: Option<i8>,
}

/// A place on earth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north, from -90 to 90.
    pub latitude: f64,
    /// Degrees east, from -180 to 180.
    pub longitude: f64,
    /// Metres above sea level.
    pub altitude: Option<f64>,
}

impl Location {
    /// `None` where the numbers are no place.
    fn new(latitude: f64, longitude: f64, altitude: Option<f64>) -> Option<Self> {
        let altitude = altitude.filter(|altitude| altitude.abs() < 100_000.0);
        (latitude.abs() <= 90.0 && longitude.abs() <= 180.0).then_some(Self {
            latitude,
            longitude,
            altitude,
        })
    }
}

impl Metadata {
    /// What the blocks of a file tell.
    pub(super) fn read(blocks: &Blocks<'_>) -> Self {
        let mut metadata = Self::default();
        if let Some(block) = &blocks.exif {
            exif::read(block, &mut metadata);
        }
        metadata.add_written(blocks);
        metadata
    }

    /// Adds what people and their programs wrote.
    pub(super) fn add_written(&mut self, blocks: &Blocks<'_>) {
        // EXIF is asked first for facts, and last for words.
        let (title, caption, rating) = (self.title.take(), self.caption.take(), self.rating.take());
        let keywords = std::mem::take(&mut self.keywords);
        if let Some(packet) = &blocks.xmp {
            xmp::read(packet, self);
        }
        if let Some(sets) = &blocks.iptc {
            iptc::read(sets, self);
        }
        fill(&mut self.title, title);
        fill(&mut self.caption, caption);
        fill(&mut self.rating, rating);
        self.add_keywords(keywords);
    }

    /// Adds keywords that are not there yet.
    fn add_keywords(&mut self, keywords: impl IntoIterator<Item = String>) {
        for keyword in keywords {
            if self.keywords.len() < MAX_KEYWORDS && !self.keywords.contains(&keyword) {
                self.keywords.push(keyword);
            }
        }
    }

    /// Adds a time: all of it where there is none, and the offset where the same clock's is not known.
    fn add_time(&mut self, time: Option<CaptureTime>) {
        match (&mut self.taken, time) {
            (Some(taken), Some(time)) if taken.local_seconds == time.local_seconds => {
                fill(&mut taken.offset_minutes, time.offset_minutes);
            }
            (taken, time) => fill(taken, time),
        }
    }
}

/// Sets what is not set.
fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

/// A text in UTF-8, or where it is not that in Latin-1, as [`clean`] leaves it.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let start = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    match std::str::from_utf8(start) {
        Ok(text) => clean(text),
        // The cut went through a character.
        Err(error) if error.error_len().is_none() && start.len() < bytes.len() => {
            clean(std::str::from_utf8(&start[..error.valid_up_to()]).ok()?)
        }
        Err(_) => clean(&start.iter().map(|&byte| char::from(byte)).collect::<String>()),
    }
}

/// A text without control characters but line breaks, and without space around it; `None` where nothing is left.
fn clean(text: &str) -> Option<String> {
    let printable = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let text: String = text.trim_matches('\0').chars().map(printable).collect();
    let text = text.trim();
    let text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
