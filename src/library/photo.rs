use serde::{Deserialize, Serialize};

use super::LibraryError;
use super::record::{Record, body_of};
use crate::encoder::Model;
use crate::media::Metadata;
use crate::perceptual::PerceptualHash;

/// The space of photographs as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImagesRecord {
    /// Name of the model that made the vectors.
    pub model: String,
}

impl ImagesRecord {
    pub fn of(model: &Model) -> Self {
        Self {
            model: model.identity().name.clone(),
        }
    }
}

impl Record for ImagesRecord {
    const WHAT: &'static str = "model";
    const VERSION: u8 = 1;
}

/// One photograph: what was learned when it was decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhotoRecord {
    /// Format of the file, such as "jpeg".
    pub format: String,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// What it looks like from afar; none where it was indexed before that was kept.
    pub perceptual: Option<PerceptualHash>,
    /// How the stored pixels are turned to stand upright, as EXIF numbers it, 1 to 8; 1 where it was indexed before that was
    /// kept.
    pub orientation: u8,
    /// What the file says of itself; nothing where it was indexed before that was kept.
    pub metadata: Metadata,
}

/// A photograph's record of version 1.
#[derive(Deserialize)]
struct PhotoRecord1 {
    format: String,
    width: u32,
    height: u32,
}

impl Record for PhotoRecord {
    const WHAT: &'static str = "photograph";
    const VERSION: u8 = 2;

    fn decode_older(version: u8, body: &[u8]) -> Result<Self, LibraryError> {
        if version != 1 {
            return Err(LibraryError::Record(Self::WHAT));
        }
        let PhotoRecord1 { format, width, height } = body_of(Self::WHAT, body)?;
        Ok(Self {
            format,
            width,
            height,
            perceptual: None,
            orientation: 1,
            metadata: Metadata::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> PhotoRecord {
        PhotoRecord {
            format: "jpeg".into(),
            width: 4000,
            height: 3000,
            perceptual: Some(PerceptualHash(300)),
            orientation: 6,
            metadata: Metadata {
                model: Some("X100".into()),
                keywords: vec!["sea".into()],
                rating: Some(-1),
                ..Metadata::default()
            },
        }
    }

    #[test]
    fn round_trips() {
        assert_eq!(PhotoRecord::decode(&photo().encode().unwrap()).unwrap(), photo());
    }

    #[test]
    fn the_layout_stays() {
        assert_eq!(
            photo().encode().unwrap(),
            b"\x02\x04jpeg\xa0\x1f\xb8\x17\x01\xac\x02\x06\0\0\x01\x04X100\0\0\0\0\x01\x03sea\x01\xff"
        );
        let images = ImagesRecord {
            model: "starter".into(),
        };
        assert_eq!(images.encode().unwrap(), b"\x01\x07starter");
    }

    #[test]
    fn records_of_version_1_tell_less() {
        let older = PhotoRecord::decode(b"\x01\x04jpeg\xa0\x1f\xb8\x17").unwrap();
        let expected = PhotoRecord {
            perceptual: None,
            orientation: 1,
            metadata: Metadata::default(),
            ..photo()
        };
        assert_eq!(older, expected);
        assert!(PhotoRecord::decode(b"\x00\x04jpeg\xa0\x1f\xb8\x17").is_err());
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = photo().encode().unwrap();
        for end in 0..bytes.len() {
            assert!(PhotoRecord::decode(&bytes[..end]).is_err());
        }
        let mut newer = bytes.clone();
        newer[0] = 3;
        assert!(PhotoRecord::decode(&newer).is_err());
        let mut longer = bytes;
        longer.push(0);
        assert!(PhotoRecord::decode(&longer).is_err());
    }
}
