use candle_core::DType;

use super::Device;
use crate::encoder::{EncoderError, Precision};

/// One of candle's devices, opened, and the type of the numbers that towers compute in there.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(test, feature = "accelerator")),
    expect(dead_code, reason = "built without towers that compute there")
)]
pub(in crate::encoder) struct Accelerator {
    pub(in crate::encoder) tensors: candle_core::Device,
    pub(in crate::encoder) dtype: DType,
}

impl Accelerator {
    /// Opens `device`; none for the CPU, where towers run by this program's kernels.
    ///
    /// # Errors
    /// [`EncoderError::DeviceNotBuilt`]; [`EncoderError::DeviceUnavailable`] where there is no such device or no driver;
    /// [`EncoderError::CpuOnly`] for int8, which candle does not multiply.
    pub(in crate::encoder) fn open(device: Device, precision: Precision) -> Result<Option<Self>, EncoderError> {
        device.check()?;
        let opened = match device {
            Device::Cpu => return Ok(None),
            Device::Cuda(number) => candle_core::Device::new_cuda(number),
            Device::Metal => candle_core::Device::new_metal(0),
        };
        let unavailable = |error: candle_core::Error| EncoderError::DeviceUnavailable {
            device,
            reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        Ok(Some(Self {
            tensors: opened.map_err(unavailable)?,
            dtype: dtype(precision)?,
        }))
    }

    /// The same device for what is a thousandth of the work, in f32.
    #[cfg(any(test, feature = "accelerator"))]
    pub(in crate::encoder) fn exact(&self) -> Self {
        Self {
            dtype: DType::F32,
            ..self.clone()
        }
    }

    /// candle's reference, for tests.
    #[cfg(test)]
    pub(in crate::encoder) fn cpu(dtype: DType) -> Self {
        let tensors = candle_core::Device::Cpu;
        Self { tensors, dtype }
    }

    /// The graphics processor that this build is for, where the computer has one; for tests.
    #[cfg(test)]
    pub(in crate::encoder) fn present(precision: Precision) -> Option<Self> {
        let mut built = [Device::Cuda(0), Device::Metal].into_iter();
        built.find_map(|device| Self::open(device, precision).ok().flatten())
    }
}

fn dtype(precision: Precision) -> Result<DType, EncoderError> {
    match precision {
        Precision::F32 | Precision::SplitF32 | Precision::FixedF32 => Ok(DType::F32),
        Precision::Bf16 => Ok(DType::BF16),
        Precision::Int8 => Err(EncoderError::CpuOnly("int8".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_is_for_the_cpu() {
        assert_eq!(dtype(Precision::Bf16).unwrap(), DType::BF16);
        let message = dtype(Precision::Int8).unwrap_err().to_string();
        assert!(message.contains("int8") && message.contains("--device"), "{message}");
        assert!(Accelerator::open(Device::Cpu, Precision::Int8).unwrap().is_none());
    }
}
