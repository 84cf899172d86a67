//! Tensors of safetensors files, widened to the f32 that the encoders compute in.

use std::sync::Arc;

use candle_core::{Device, Shape, Tensor};
use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use super::EncoderError;

/// The content of a file: part of the program, or mapped into memory.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The parsed safetensors files of one model. Parsing reads the headers alone, and checks that the tensors they name
/// lie inside the file; each tensor's bytes are read when it is asked for.
pub(crate) struct Weights {
    model: String,
    files: Vec<File>,
}

struct File {
    name: String,
    bytes: Bytes,
    tensors: Metadata,
    /// Where the tensors' bytes begin.
    start: usize,
}

/// A matrix left where it is in its file, for tables of which a run needs few rows.
pub(crate) struct Table {
    bytes: Bytes,
    start: usize,
    rows: usize,
    width: usize,
    kind: Float,
}

/// How the numbers of a tensor are stored, little-endian.
#[derive(Clone, Copy)]
enum Float {
    F32,
    F16,
    Bf16,
}

/// A tensor that was found to be what it should be.
struct Found<'a> {
    file: &'a File,
    start: usize,
    data: &'a [u8],
    kind: Float,
}

impl Weights {
    /// Reads the headers of `files`, pairs of name and content; `model` is the name that errors give.
    ///
    /// # Errors
    /// [`EncoderError::Weights`] where one is no safetensors file, or shorter than its header says.
    pub(crate) fn parse<N, B>(model: &str, files: impl IntoIterator<Item = (N, B)>) -> Result<Self, EncoderError>
    where
        N: Into<String>,
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let mut weights = Self {
            model: model.to_owned(),
            files: Vec::new(),
        };
        for (name, bytes) in files {
            let (name, bytes) = (name.into(), Arc::new(bytes) as Bytes);
            let (header, tensors) = SafeTensors::read_metadata((*bytes).as_ref())
                .map_err(|error| weights.error(format!("{name}: {error}")))?;
            weights.files.push(File {
                name,
                bytes,
                tensors,
                start: header + size_of::<u64>(),
            });
        }
        Ok(weights)
    }

    /// All values of tensor `name`, row-major.
    ///
    /// # Errors
    /// [`EncoderError::Weights`] where it is missing, of another shape, or not of f32, f16 or bf16. The other methods
    /// fail for the same reasons. Nothing is allocated before the tensor's shape is known to be right.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EncoderError> {
        self.concatenated(&[name], shape)
    }

    /// The values of several tensors of one shape, one after another.
    pub(crate) fn concatenated(&self, names: &[&str], shape: &[usize]) -> Result<Vec<f32>, EncoderError> {
        let found: Vec<Found<'_>> = names
            .iter()
            .map(|name| self.view(name, shape))
            .collect::<Result<_, _>>()?;
        let mut values = Vec::with_capacity(found.iter().map(|view| view.data.len() / view.kind.size()).sum());
        for view in found {
            view.kind.widen(view.data, &mut values);
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

    /// The only value of tensor `name`, of no dimension or of one.
    pub(crate) fn scalar(&self, name: &str) -> Result<f32, EncoderError> {
        let shape: &[usize] = if self.find(name)?.1.shape.is_empty() { &[] } else { &[1] };
        let values = self.values(name, shape)?;
        values
            .first()
            .copied()
            .ok_or_else(|| self.error(format!("tensor '{name}' is empty")))
    }

    /// Number of values of the vector `name`.
    pub(crate) fn length(&self, name: &str) -> Result<usize, EncoderError> {
        let (file, info) = self.find(name)?;
        match *info.shape.as_slice() {
            [length] => Ok(length),
            ref shape => Err(self.error(format!(
                "{}: tensor '{name}' has shape {shape:?}; a vector is expected",
                file.name
            ))),
        }
    }

    /// The matrix `name` of `rows` x `width`, not read yet.
    pub(crate) fn table(&self, name: &str, rows: usize, width: usize) -> Result<Table, EncoderError> {
        let view = self.view(name, &[rows, width])?;
        Ok(Table {
            bytes: Arc::clone(&view.file.bytes),
            start: view.start,
            rows,
            width,
            kind: view.kind,
        })
    }

    /// Name of the model.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// An error about these weights.
    pub(crate) fn error(&self, message: String) -> EncoderError {
        EncoderError::Weights {
            model: self.model.clone(),
            message,
        }
    }

    fn find(&self, name: &str) -> Result<(&File, &TensorInfo), EncoderError> {
        let found = self
            .files
            .iter()
            .find_map(|file| Some((file, file.tensors.info(name)?)));
        found.ok_or_else(|| {
            let files: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
            self.error(format!("{}: there is no tensor '{name}'", files.join(", ")))
        })
    }

    fn view(&self, name: &str, shape: &[usize]) -> Result<Found<'_>, EncoderError> {
        let (file, info) = self.find(name)?;
        let wrong = |what: String| Err(self.error(format!("{}: tensor '{name}' {what}", file.name)));
        if info.shape != shape {
            return wrong(format!("has shape {:?}; {shape:?} is expected", info.shape));
        }
        let kind = match info.dtype {
            Dtype::F32 => Float::F32,
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::Bf16,
            other => return wrong(format!("holds {other:?}; f32, f16 or bf16 is read")),
        };
        let (start, end) = (file.start + info.data_offsets.0, file.start + info.data_offsets.1);
        match (*file.bytes).as_ref().get(start..end) {
            Some(data) => Ok(Found {
                file,
                start,
                data,
                kind,
            }),
            None => wrong("reaches beyond the end of the file".to_owned()),
        }
    }
}

impl Table {
    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends row `index` to `values`; `false`, and nothing appended, where the table has no such row.
    pub(crate) fn append_row(&self, index: usize, values: &mut Vec<f32>) -> bool {
        let row_bytes = self.width * self.kind.size();
        let row = (index < self.rows).then(|| self.start + index * row_bytes);
        let row = row.and_then(|start| (*self.bytes).as_ref().get(start..start + row_bytes));
        row.is_some_and(|row| {
            self.kind.widen(row, values);
            true
        })
    }
}

impl Float {
    /// Bytes of a number.
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Appends the numbers in `bytes` as f32.
    fn widen(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F32 => values.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))),
            Self::F16 => widen_f16(bytes, values),
            // The upper half of an f32.
            Self::Bf16 => values.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|bytes| f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16)),
            ),
        }
    }
}

/// Appends little-endian f16 `bytes` as f32, with the processor's conversion instruction where it has one.
fn widen_f16(bytes: &[u8], values: &mut Vec<f32>) {
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
    use half::bf16;
    use safetensors::tensor::TensorView;

    use super::*;

    fn weights() -> Weights {
        let halves: Vec<u8> = [1.0, -2.0, 0.5, 4.0, 8.0, 0.25]
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        let floats: Vec<u8> = [3.0f32, 0.1].iter().flat_map(|v| v.to_le_bytes()).collect();
        let brains: Vec<u8> = [-1.5f32, 3.0e38]
            .iter()
            .flat_map(|v| bf16::from_f32(*v).to_le_bytes())
            .collect();
        let first = [
            ("half", TensorView::new(Dtype::F16, vec![3, 2], &halves).unwrap()),
            ("float", TensorView::new(Dtype::F32, vec![2], &floats).unwrap()),
        ];
        let second = [
            ("brain", TensorView::new(Dtype::BF16, vec![2], &brains).unwrap()),
            ("bytes", TensorView::new(Dtype::U8, vec![2], &floats[..2]).unwrap()),
            ("scalar", TensorView::new(Dtype::F32, vec![], &floats[..4]).unwrap()),
        ];
        let files = [
            ("a.safetensors", safetensors::serialize(first, None).unwrap()),
            ("b.safetensors", safetensors::serialize(second, None).unwrap()),
        ];
        Weights::parse("test", files).unwrap()
    }

    #[test]
    fn widens_each_type() {
        let weights = weights();
        assert_eq!(
            weights.values("half", &[3, 2]).unwrap(),
            [1.0, -2.0, 0.5, 4.0, 8.0, 0.25]
        );
        assert_eq!(weights.values("float", &[2]).unwrap(), [3.0, 0.1]);
        assert_eq!(
            weights.values("brain", &[2]).unwrap(),
            [-1.5, bf16::from_f32(3.0e38).to_f32()]
        );
        assert_eq!(weights.scalar("scalar").unwrap(), 3.0);
        let stacked = weights.stacked(&["half", "half"], &[3, 2]).unwrap();
        assert_eq!(stacked.dims(), [6, 2]);
    }

    #[test]
    fn a_table_gives_single_rows() {
        let table = weights().table("half", 3, 2).unwrap();
        let mut values = Vec::new();
        assert!(table.append_row(2, &mut values) && table.append_row(0, &mut values));
        assert!(!table.append_row(3, &mut values) && !table.append_row(usize::MAX, &mut values));
        assert_eq!(values, [8.0, 0.25, 1.0, -2.0]);
    }

    #[test]
    fn errors_name_the_file_the_tensor_and_the_cause() {
        let weights = weights();
        let message = |name: &str, shape: &[usize]| weights.values(name, shape).unwrap_err().to_string();
        let absent = message("absent", &[2]);
        assert!(
            absent.contains("'absent'") && absent.contains("a.safetensors, b.safetensors"),
            "{absent}"
        );
        let shape = message("half", &[2, 3]);
        assert!(
            shape.contains("a.safetensors") && shape.contains("[3, 2]") && shape.contains("[2, 3]"),
            "{shape}"
        );
        assert!(message("half", &[usize::MAX, usize::MAX]).contains("'half'"));
        assert!(message("bytes", &[2]).contains("U8"));
        assert!(weights.table("float", 1, 2).is_err() && weights.scalar("float").is_err());
        assert!(Weights::parse("test", [("c.safetensors", b"not safetensors")]).is_err());
    }
}
