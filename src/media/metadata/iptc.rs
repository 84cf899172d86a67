//! IPTC's Information Interchange Model (version 4.2): numbered data sets, one after another.

use super::{CaptureTime, Metadata, fill, text};

/// Reads the data sets of record 2, the application record.
pub(super) fn read(mut sets: &[u8], metadata: &mut Metadata) {
    let (mut date, mut time) = (None, None);
    while let Some(&[0x1c, record, number, l0, l1]) = sets.first_chunk() {
        // The highest bit marks a length of more bytes: such sets are pictures, not words.
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let Some(value) = sets.get(5..5 + length).filter(|_| length < 0x8000) else {
            break;
        };
        match (record, number) {
            (2, 5) => fill(&mut metadata.title, text(value)),
            (2, 25) => metadata.add_keywords(text(value)),
            (2, 55) => date = text(value),
            (2, 60) => time = text(value),
            (2, 120) => fill(&mut metadata.caption, text(value)),
            _ => {}
        }
        sets = &sets[5 + length..];
    }
    if let Some(date) = date {
        metadata.add_time(capture_time(&date, time.as_deref()));
    }
}

/// Of a date `CCYYMMDD` and a time `HHMMSS+HHMM`.
fn capture_time(date: &str, time: Option<&str>) -> Option<CaptureTime> {
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..8)?);
    let time = time.and_then(|time| Some((time.get(..2)?, time.get(2..4)?, time.get(4..6)?, time.get(6..)?)));
    CaptureTime::parse(&match time {
        Some((hour, minute, second, offset)) => format!("{year}-{month}-{day}T{hour}:{minute}:{second}{offset}"),
        None => format!("{year}-{month}-{day}"),
    })
}
