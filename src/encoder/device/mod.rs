//! Where encoders compute: on the CPU by the kernels of this program, or on a graphics processor by candle.
//!
//! The towers here are plain operations on candle tensors, and so run on each of candle's devices. They are part of the
//! program where it is built with the feature `cuda` or `metal`, and of the tests, which run them on candle's CPU device.

mod accelerator;
#[cfg(any(test, feature = "accelerator"))]
mod parts;
#[cfg(any(test, feature = "accelerator"))]
mod text;
#[cfg(any(test, feature = "accelerator"))]
mod transformer;
#[cfg(any(test, feature = "accelerator"))]
mod vision;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{EncoderError, Precision};

pub(super) use accelerator::Accelerator;
#[cfg(any(test, feature = "accelerator"))]
pub(super) use {
    parts::{DeviceParts, Linear, Norm, Projection},
    text::DeviceTextTower,
    transformer::{FeedForward, attend, heads_first},
    vision::{DeviceImageEncoder, DevicePool, DeviceVisionTower},
};

/// Where an encoder computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor, by the kernels of this program.
    #[default]
    Cpu,
    /// The NVIDIA graphics processor of this number; the first is 0.
    Cuda(usize),
    /// The graphics processor of an Apple computer.
    Metal,
}

/// A text that names no [`Device`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("'{0}' is no device; there are cpu, cuda, cuda:N with N from 0, and metal")]
pub struct UnknownDevice(String);

impl Device {
    /// Sees whether this program was built for the device, and asks nothing of the device itself.
    ///
    /// # Errors
    /// [`EncoderError::DeviceNotBuilt`], which names the feature that is missing.
    pub fn check(self) -> Result<(), EncoderError> {
        let (built, feature) = match self {
            Self::Cpu => return Ok(()),
            Self::Cuda(_) => (cfg!(feature = "cuda"), "cuda"),
            Self::Metal => (cfg!(feature = "metal"), "metal"),
        };
        if built {
            Ok(())
        } else {
            Err(EncoderError::DeviceNotBuilt { device: self, feature })
        }
    }

    /// What suits the device: on the CPU [`Precision::auto`], elsewhere f32, since candle does not say what a graphics
    /// processor multiplies.
    pub fn auto_precision(self) -> Precision {
        match self {
            Self::Cpu => Precision::auto(),
            Self::Cuda(_) | Self::Metal => Precision::F32,
        }
    }
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(name.to_owned());
        match name.split_once(':') {
            None if name == "cpu" => Ok(Self::Cpu),
            None if name == "cuda" => Ok(Self::Cuda(0)),
            None if name == "metal" => Ok(Self::Metal),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests;
