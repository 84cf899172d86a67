use std::fmt;

use serde::{Deserialize, Serialize};

/// When a photograph was taken, by the camera's clock. Times of clocks without a known offset are in order among
/// themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaptureTime {
    /// Seconds from 1970-01-01 00:00:00 to what the clock showed, as if the clock had been set to UTC; negative before.
    pub local_seconds: i64,
    /// Milliseconds after that, below 1000.
    pub milliseconds: u16,
    /// By how many minutes the clock was ahead of UTC, where the file says so.
    pub offset_minutes: Option<i16>,
}

impl CaptureTime {
    /// Seconds from 1970-01-01 00:00:00 UTC, where the clock's offset is known.
    pub fn utc_seconds(&self) -> Option<i64> {
        Some(self.local_seconds - i64::from(self.offset_minutes?) * 60)
    }

    /// Reads a date, a date and a time, or both with an offset: as EXIF writes it (`2024:05:01 12:34:56`) or as ISO 8601 has
    /// it (`2024-05-01T12:34:56.789+02:00`). Hours, minutes and seconds that are not there count as 0.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().as_bytes();
        let year = digits(&mut rest, 4)?;
        let month = separated(&mut rest, b":-/")?;
        let day = separated(&mut rest, b":-/")?;
        let hour = separated(&mut rest, b"T ");
        let minute = hour.and_then(|_| separated(&mut rest, b":"));
        let second = minute.and_then(|_| separated(&mut rest, b":"));
        let milliseconds = second.map_or(0, |_| fraction(&mut rest));
        let offset = std::str::from_utf8(rest).ok().and_then(parse_offset);
        let time = (hour.unwrap_or(0), minute.unwrap_or(0), second.unwrap_or(0));
        Self::new((year, month, day), time, milliseconds, offset)
    }

    fn new(
        (year, month, day): (i64, i64, i64),
        (hour, minute, second): (i64, i64, i64),
        milliseconds: u16,
        offset_minutes: Option<i16>,
    ) -> Option<Self> {
        // A second of 60 is a leap second.
        let valid = (1000..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        valid.then(|| Self {
            local_seconds: days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second,
            milliseconds,
            offset_minutes,
        })
    }

    /// The same time with parts that EXIF keeps elsewhere: decimals of the second, and the offset (`+02:00`).
    pub(super) fn with_parts(mut self, decimals: Option<&str>, offset: Option<&str>) -> Self {
        if let Some(decimals) = decimals {
            self.milliseconds = fraction(&mut [b".", decimals.trim().as_bytes()].concat().as_slice());
        }
        if let Some(offset) = offset.and_then(parse_offset) {
            self.offset_minutes = Some(offset);
        }
        self
    }
}

impl fmt::Display for CaptureTime {
    /// As RFC 3339 has it, with the offset where it is known: `2024-05-01T12:34:56.789+02:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (
            self.local_seconds.div_euclid(86_400),
            self.local_seconds.rem_euclid(86_400),
        );
        let (year, month, day) = date(days);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.milliseconds > 0 {
            write!(f, ".{:03}", self.milliseconds)?;
        }
        match self.offset_minutes {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// A number of `count` digits at the front of `rest`.
fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (number, after) = rest.split_at_checked(count)?;
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    *rest = after;
    Some(
        number
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0')),
    )
}

/// A number of two digits behind one of the separators.
fn separated(rest: &mut &[u8], separators: &[u8]) -> Option<i64> {
    let (separator, after) = rest.split_first()?;
    if !separators.contains(separator) {
        return None;
    }
    let mut after = after;
    let number = digits(&mut after, 2)?;
    *rest = after;
    Some(number)
}

/// Milliseconds of decimals at the front of `rest`, which goes behind them.
fn fraction(rest: &mut &[u8]) -> u16 {
    let Some(decimals) = rest.strip_prefix(b".") else {
        return 0;
    };
    let count = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *rest = &decimals[count..];
    let digit = |at: usize| decimals[..count].get(at).map_or(0, |digit| u16::from(digit - b'0'));
    digit(0) * 100 + digit(1) * 10 + digit(2)
}

/// Minutes ahead of UTC: `Z`, `+02:00` or `-0330`.
fn parse_offset(text: &str) -> Option<i16> {
    let text = text.trim();
    if text == "Z" {
        return Some(0);
    }
    let (sign, mut rest) = match text.as_bytes().split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let hours = digits(&mut rest, 2)?;
    let minutes = separated(&mut rest, b":").or_else(|| digits(&mut rest, 2)).unwrap_or(0);
    let offset = hours * 60 + minutes;
    // The farthest zones are 14 hours ahead and 12 behind.
    (offset <= 14 * 60 && minutes < 60).then_some(sign * offset as i16)
}

/// Days from 1970-01-01 in the Gregorian calendar, by whole eras of 400 years that begin in March (Hinnant,
/// "chrono-compatible low-level date algorithms", 2013).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days from 1970-01-01: the reverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_were_read() {
        for (text, expected) in [
            ("2024:05:01 12:34:56", "2024-05-01T12:34:56"),
            ("2024-02-29T23:59:59.5+05:45", "2024-02-29T23:59:59.500+05:45"),
            ("1969-12-31T00:00:00Z", "1969-12-31T00:00:00Z"),
            ("2000-01-01", "2000-01-01T00:00:00"),
            ("1899:03:01 08:00", "1899-03-01T08:00:00"),
            ("2024-05-01T12:34-0330", "2024-05-01T12:34:00-03:30"),
        ] {
            assert_eq!(CaptureTime::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn seconds_are_those_of_the_calendar() {
        let seconds = |text| CaptureTime::parse(text).unwrap().local_seconds;
        assert_eq!(seconds("1970:01:01 00:00:00"), 0);
        assert_eq!(seconds("2024:05:01 12:34:56"), 1_714_566_896);
        assert_eq!(seconds("1969:12:31 23:59:59"), -1);
        let time = CaptureTime::parse("2024-05-01T12:34:56+02:00").unwrap();
        assert_eq!(time.utc_seconds(), Some(1_714_559_696));
        for day in (-300_000..300_000).step_by(97) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn parts_from_elsewhere_are_added() {
        let time = CaptureTime::parse("2024:05:01 12:34:56").unwrap();
        let time = time.with_parts(Some("07"), Some("-08:00"));
        assert_eq!((time.milliseconds, time.offset_minutes), (70, Some(-480)));
        assert_eq!(time.with_parts(Some("   "), Some("   :  ")).offset_minutes, Some(-480));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2024:13:01 00:00:00",
            "2024",
            "20240501",
        ] {
            assert_eq!(CaptureTime::parse(text), None, "{text:?}");
        }
        assert_eq!(
            CaptureTime::parse("2024:05:01 12:34:56+99:00").unwrap().offset_minutes,
            None
        );
    }
}
