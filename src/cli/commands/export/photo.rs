//! A photograph's record as JSON.

use serde::Serialize;

use crate::library::PhotoRecord;
use crate::media::{Location, Metadata};

/// What is not known of a photograph is left out.
#[derive(Serialize)]
pub(super) struct PhotoRow {
    format: String,
    width: u32,
    height: u32,
    /// As EXIF numbers it.
    orientation: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    make: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lens: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<i8>,
}

impl From<PhotoRecord> for PhotoRow {
    fn from(photo: PhotoRecord) -> Self {
        let Metadata {
            taken,
            make,
            model,
            lens,
            location,
            title,
            caption,
            keywords,
            rating,
        } = photo.metadata;
        Self {
            format: photo.format,
            width: photo.width,
            height: photo.height,
            orientation: photo.orientation,
            taken: taken.map(|taken| taken.to_string()),
            make,
            model,
            lens,
            location,
            title,
            caption,
            keywords,
            rating,
        }
    }
}
