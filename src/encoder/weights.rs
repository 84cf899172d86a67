//! Tensors of a safetensors file, widened to the f32 that the encoders compute in.

use candle_core::{Device, Shape, Tensor};
use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::EncoderError;

/// A parsed safetensors file. Parsing reads the header alone; each tensor's bytes are read when it is asked for.
pub(crate) struct Weights<'a> {
    model: &'static str,
    tensors: SafeTensors<'a>,
}

/// A matrix of f16 left where it is in the file, for tables of which a run needs few rows.
pub(crate) struct HalfTable<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl<'a> Weights<'a> {
    /// Reads the header of `file`; `model` is the name that errors give.
    ///
    /// # Errors
    /// [`EncoderError::Weights`] where it is no safetensors file.
    pub(crate) fn parse(model: &'static str, file: &'a [u8]) -> Result<Self, EncoderError> {
        let tensors = SafeTensors::deserialize(file).map_err(|error| EncoderError::Weights {
            model: model.to_owned(),
            message: error.to_string(),
        })?;
        Ok(Self { model, tensors })
    }

    /// All values of tensor `name`, row-major.
    ///
    /// # Errors
    /// [`EncoderError::Weights`] where it is missing, of another shape, or neither f16 nor f32. The other methods fail
    /// for the same reasons.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EncoderError> {
        self.concatenated(&[name], shape)
    }

    /// The values of several tensors of one shape, one after another.
    pub(crate) fn concatenated(&self, names: &[&str], shape: &[usize]) -> Result<Vec<f32>, EncoderError> {
        let mut values = Vec::with_capacity(names.len() * shape.iter().product::<usize>());
        for name in names {
            let view = self.view(name, shape)?;
            match view.dtype() {
                Dtype::F16 => widen(view.data(), &mut values),
                Dtype::F32 => values.extend(view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))),
                other => return Err(self.error(format!("tensor '{name}' holds {other:?}; f16 or f32 is read"))),
            }
        }
        Ok(values)
    }

    /// Tensor `name` as a matrix `[shape[0], everything else]`.
    pub(crate) fn matrix(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        self.stacked(&[name], shape)
    }

    /// Several matrices of one shape, one below another.
    pub(crate) fn stacked(&self, names: &[&str], shape: &[usize]) -> Result<Tensor, EncoderError> {
        let values = self.concatenated(names, shape)?;
        let rows = names.len() * shape.first().copied().unwrap_or(1);
        let columns = shape.iter().skip(1).product::<usize>();
        Ok(Tensor::from_vec(values, Shape::from((rows, columns)), &Device::Cpu)?)
    }

    /// The `length` values of the vector `name`.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Tensor, EncoderError> {
        Ok(Tensor::from_vec(self.values(name, &[length])?, length, &Device::Cpu)?)
    }

    /// Number of values of the vector `name`.
    pub(crate) fn length(&self, name: &str) -> Result<usize, EncoderError> {
        match *self.find(name)?.shape() {
            [length] => Ok(length),
            ref shape => Err(self.error(format!("tensor '{name}' has shape {shape:?}; a vector is expected"))),
        }
    }

    /// The f16 matrix `name` of `rows` x `width`, not read yet.
    pub(crate) fn half_table(&self, name: &str, rows: usize, width: usize) -> Result<HalfTable<'a>, EncoderError> {
        let view = self.view(name, &[rows, width])?;
        if view.dtype() != Dtype::F16 {
            return Err(self.error(format!("tensor '{name}' holds {:?}; f16 is read", view.dtype())));
        }
        Ok(HalfTable {
            bytes: view.data(),
            width,
        })
    }

    /// An error about these weights.
    pub(crate) fn error(&self, message: String) -> EncoderError {
        EncoderError::Weights {
            model: self.model.to_owned(),
            message,
        }
    }

    fn find(&self, name: &str) -> Result<TensorView<'a>, EncoderError> {
        self.tensors
            .tensor(name)
            .map_err(|error| self.error(format!("tensor '{name}': {error}")))
    }

    fn view(&self, name: &str, shape: &[usize]) -> Result<TensorView<'a>, EncoderError> {
        let view = self.find(name)?;
        if view.shape() != shape {
            return Err(self.error(format!(
                "tensor '{name}' has shape {:?}; {shape:?} is expected",
                view.shape()
            )));
        }
        Ok(view)
    }
}

impl HalfTable<'_> {
    /// Appends row `index` to `values`; `false`, and nothing appended, where the table has no such row.
    pub(crate) fn append_row(&self, index: usize, values: &mut Vec<f32>) -> bool {
        let row_bytes = self.width * size_of::<f16>();
        let row = index
            .checked_mul(row_bytes)
            .and_then(|start| self.bytes.get(start..)?.get(..row_bytes));
        row.is_some_and(|row| {
            widen(row, values);
            true
        })
    }
}

/// Appends little-endian f16 `bytes` as f32, with the processor's conversion instruction where it has one.
fn widen(bytes: &[u8], values: &mut Vec<f32>) {
    /// Small enough to stay in the first-level cache. The copy also lifts the need for aligned bytes.
    const CHUNK: usize = 1024;
    let mut halves = [f16::ZERO; CHUNK];
    for chunk in bytes.as_chunks::<2>().0.chunks(CHUNK) {
        for (half, bytes) in halves.iter_mut().zip(chunk) {
            *half = f16::from_le_bytes(*bytes);
        }
        let start = values.len();
        values.resize(start + chunk.len(), 0.0);
        halves[..chunk.len()].convert_to_f32_slice(&mut values[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let halves: Vec<u8> = [1.0, -2.0, 0.5, 4.0, 8.0, 0.25]
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        let floats: Vec<u8> = [3.0f32, 0.1].iter().flat_map(|v| v.to_le_bytes()).collect();
        let tensors = [
            ("half", TensorView::new(Dtype::F16, vec![3, 2], &halves).unwrap()),
            ("float", TensorView::new(Dtype::F32, vec![2], &floats).unwrap()),
            ("bytes", TensorView::new(Dtype::U8, vec![2], &floats[..2]).unwrap()),
        ];
        safetensors::serialize(tensors, None).unwrap()
    }

    #[test]
    fn widens_both_types() {
        let file = file();
        let weights = Weights::parse("test", &file).unwrap();
        assert_eq!(
            weights.values("half", &[3, 2]).unwrap(),
            [1.0, -2.0, 0.5, 4.0, 8.0, 0.25]
        );
        assert_eq!(weights.values("float", &[2]).unwrap(), [3.0, 0.1]);
        let stacked = weights.stacked(&["half", "half"], &[3, 2]).unwrap();
        assert_eq!(stacked.dims(), [6, 2]);
    }

    #[test]
    fn a_table_gives_single_rows() {
        let file = file();
        let table = Weights::parse("test", &file).unwrap().half_table("half", 3, 2).unwrap();
        let mut values = Vec::new();
        assert!(table.append_row(2, &mut values) && table.append_row(0, &mut values));
        assert!(!table.append_row(3, &mut values) && !table.append_row(usize::MAX, &mut values));
        assert_eq!(values, [8.0, 0.25, 1.0, -2.0]);
    }

    #[test]
    fn errors_name_the_tensor_and_the_cause() {
        let file = file();
        let weights = Weights::parse("test", &file).unwrap();
        let message = |result: Result<Vec<f32>, EncoderError>| result.unwrap_err().to_string();
        assert!(message(weights.values("absent", &[2])).contains("absent"));
        assert!(message(weights.values("half", &[2, 3])).contains("[3, 2]"));
        assert!(message(weights.values("bytes", &[2])).contains("U8"));
        assert!(weights.half_table("float", 1, 2).is_err());
        assert!(Weights::parse("test", b"not safetensors").is_err());
    }
}
