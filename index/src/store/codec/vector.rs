//! `vectors`: the vector of an item, as little-endian f16 values and nothing else.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::error::{IndexError, Result};

/// The stored bytes, two a value.
pub(crate) fn encode_vector(vector: &[f32]) -> Vec<u8> {
    vector
        .iter()
        .flat_map(|value| f16::from_f32(*value).to_le_bytes())
        .collect()
}

/// Appends the values of stored bytes to `into`.
pub(crate) fn decode_vector(bytes: &[u8], dim: usize, into: &mut Vec<f16>) -> Result<()> {
    let (values, rest) = bytes.as_chunks::<2>();
    if values.len() != dim || !rest.is_empty() {
        let detail = format_args!("{} bytes for {dim} dimensions", bytes.len());
        return Err(IndexError::corrupt("vector", detail));
    }
    into.extend(values.iter().map(|value| f16::from_le_bytes(*value)));
    Ok(())
}

/// The values of stored bytes, widened.
pub(crate) fn decode_vector_f32(bytes: &[u8], dim: usize) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    decode_vector(bytes, dim, &mut values)?;
    Ok(values.to_f32_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form() {
        let bytes = encode_vector(&[1.0, -0.5]);
        assert_eq!(bytes, [0x00, 0x3c, 0x00, 0xb8]);
        let mut values = vec![];
        decode_vector(&bytes, 2, &mut values).unwrap();
        assert_eq!(values, [f16::from_f32(1.0), f16::from_f32(-0.5)]);
        assert_eq!(decode_vector_f32(&bytes, 2).unwrap(), [1.0, -0.5]);
        assert!(decode_vector_f32(&bytes, 1).is_err());
        assert!(decode_vector(&bytes, 3, &mut values).is_err());
        assert!(decode_vector(&bytes[..3], 1, &mut values).is_err());
    }
}
