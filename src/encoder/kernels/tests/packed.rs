use std::sync::Arc;

use super::super::storage::LINE;
use super::super::testing::{PRECISIONS, noise};
use super::super::{Activations, Epilogue};
use super::*;

#[test]
fn kept_bytes_multiply_as_before() {
    let (outputs, depth) = (37, 50);
    let input = noise(3 * depth, 2);
    for kernels in Kernels::available() {
        for precision in PRECISIONS {
            let packed =
                PackedMatrix::pack(kernels, precision, &noise(outputs * depth, 1), (outputs, depth), None).unwrap();
            let (tag, length) = (packed.layout().tag(), packed.as_bytes().len());
            let mut file = Aligned::zeroed(LINE + length);
            file.bytes_mut()[LINE..][..length].copy_from_slice(packed.as_bytes());
            let shared = Shared::new(Arc::new(Memory(file)), LINE..LINE + length).unwrap();
            let kept = PackedMatrix::from_bytes(kernels, precision, (outputs, depth), tag, shared.clone()).unwrap();
            let mut activations = Activations::default();
            activations.convert(kernels, precision, &input, depth).unwrap();
            let mut outputs_of = [vec![0.0; 3 * outputs], vec![0.0; 3 * outputs]];
            for (matrix, output) in [&packed, &kept].into_iter().zip(&mut outputs_of) {
                matrix.multiply(activations.all(), Epilogue::Store, output).unwrap();
            }
            assert_eq!(outputs_of[0], outputs_of[1]);

            let other = PackedMatrix::from_bytes(kernels, precision, (outputs, depth), tag + 1, shared.clone());
            assert!(matches!(other, Err(KernelError::Layout { .. })));
            let longer = PackedMatrix::from_bytes(kernels, precision, (outputs, depth + 64), tag, shared);
            assert!(matches!(longer, Err(KernelError::Size { .. })));
        }
    }
}

#[test]
fn layouts_of_other_precisions_have_other_tags() {
    for kernels in Kernels::available() {
        let tags = PRECISIONS.map(|precision| kernels.layout(precision).tag());
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    }
}

#[test]
fn shared_bytes_begin_at_a_line_and_end_inside() {
    let memory = Arc::new(Memory(Aligned::zeroed(2 * LINE)));
    assert!(matches!(
        Shared::new(memory.clone(), 4..8),
        Err(KernelError::Unaligned { start: 4 })
    ));
    assert!(Shared::new(memory.clone(), LINE..3 * LINE).is_err());
    assert!(Shared::new(memory, LINE..2 * LINE).is_ok());
}

struct Memory(Aligned);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}
