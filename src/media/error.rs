use std::error::Error;
use std::io;

use image::ImageError;
use image::error::{LimitErrorKind, UnsupportedErrorKind};
use thiserror::Error;

use super::{Format, Limits};

/// Why a file's content gave no photograph: one line each. The caller adds the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MediaError {
    /// There is no content.
    #[error("empty file")]
    Empty,
    /// The first bytes are not those of an image.
    #[error("not an image: unrecognised content")]
    Unrecognised,
    /// An image of a format that is not decoded; its name.
    #[error("{0} images are not supported; convert it to JPEG, PNG or WebP")]
    UnsupportedFormat(&'static str),
    /// A variant of a format that the decoder does not know.
    #[error("this kind of {format} is not supported ({message}); convert it to JPEG, PNG or WebP")]
    Unsupported {
        /// What the content is.
        format: Format,
        /// What is not supported.
        message: String,
    },
    /// More pixels than [`Limits::max_pixels`].
    #[error("the image is {width} x {height} pixels, and at most {limit} pixels are decoded")]
    TooLarge {
        /// Stored width in pixels.
        width: u32,
        /// Stored height in pixels.
        height: u32,
        /// Most pixels allowed.
        limit: u64,
    },
    /// More memory than [`Limits::max_alloc_bytes`].
    #[error("decoding {width} x {height} pixels of this kind takes {needed} bytes of memory, and {limit} are allowed")]
    Memory {
        /// Stored width in pixels.
        width: u32,
        /// Stored height in pixels.
        height: u32,
        /// Bytes that decoding takes.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The decoder met its memory limit in the middle.
    #[error("decoding this {format} takes more than the {limit} bytes of memory that are allowed")]
    DecoderMemory {
        /// What the content is.
        format: Format,
        /// Bytes allowed.
        limit: u64,
    },
    /// The file ends before the image does.
    #[error("{format} data ends early: the file is cut off")]
    Truncated {
        /// What the content is.
        format: Format,
    },
    /// The content is damaged.
    #[error("damaged {format}: {message}")]
    Decode {
        /// What the content is.
        format: Format,
        /// What the decoder said.
        message: String,
    },
}

impl MediaError {
    /// A decoder gave more or fewer pixels than the file announces.
    pub(super) fn other_size(format: Format) -> Self {
        Self::Decode {
            format,
            message: "the decoder gave another number of pixels than announced".to_owned(),
        }
    }

    /// Puts a decoder's error in our words.
    pub(super) fn from_image(error: ImageError, format: Format, limits: &Limits) -> Self {
        match error {
            ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => Self::DecoderMemory {
                format,
                limit: limits.max_alloc_bytes,
            },
            ImageError::Unsupported(error) => {
                let message = match error.kind() {
                    UnsupportedErrorKind::GenericFeature(feature) => one_line(&feature),
                    UnsupportedErrorKind::Color(color) => format!("colour type {color:?}"),
                    _ => one_line(&error.to_string()),
                };
                Self::Unsupported { format, message }
            }
            error if ends_early(&error) => Self::Truncated { format },
            // The outer error only repeats the name of the format.
            ImageError::Decoding(error) => {
                let message = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                Self::Decode {
                    format,
                    message: one_line(&message),
                }
            }
            error => Self::Decode {
                format,
                message: one_line(&error.to_string()),
            },
        }
    }
}

/// Whether the cause, however deep, is that the data ends.
fn ends_early(error: &(dyn Error + 'static)) -> bool {
    let io = match error.downcast_ref::<ImageError>() {
        Some(ImageError::IoError(error)) => Some(error),
        _ => error.downcast_ref::<io::Error>(),
    };
    io.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) || error.source().is_some_and(ends_early)
}

/// A decoder's message, without line breaks and control characters.
fn one_line(message: &str) -> String {
    let printable: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}
