use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::encoder::Model;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRecord {
    /// Format of the file, such as "jpeg".
    pub format: String,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
}

impl Record for PhotoRecord {
    const WHAT: &'static str = "photograph";
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> PhotoRecord {
        PhotoRecord {
            format: "jpeg".into(),
            width: 4000,
            height: 3000,
        }
    }

    #[test]
    fn round_trips() {
        assert_eq!(PhotoRecord::decode(&photo().encode().unwrap()).unwrap(), photo());
    }

    #[test]
    fn the_layout_stays() {
        assert_eq!(photo().encode().unwrap(), b"\x01\x04jpeg\xa0\x1f\xb8\x17");
        let images = ImagesRecord {
            model: "starter".into(),
        };
        assert_eq!(images.encode().unwrap(), b"\x01\x07starter");
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = photo().encode().unwrap();
        for end in 0..bytes.len() {
            assert!(PhotoRecord::decode(&bytes[..end]).is_err());
        }
        let mut newer = bytes.clone();
        newer[0] = 2;
        assert!(PhotoRecord::decode(&newer).is_err());
        let mut longer = bytes;
        longer.push(0);
        assert!(PhotoRecord::decode(&longer).is_err());
    }
}
