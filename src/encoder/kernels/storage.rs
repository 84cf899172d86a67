//! Memory that begins at a cache line, owned or part of a mapped file.

#![allow(unsafe_code, reason = "views of aligned memory as bytes and numbers")]

use std::ops::Range;
use std::sync::Arc;

use super::KernelError;

/// What every part of a buffer begins at a multiple of: a cache line, and the widest register.
pub(super) const LINE: usize = 64;

#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line(#[allow(dead_code, reason = "read as bytes of the whole buffer")] [u8; LINE]);

/// Bytes that begin at a cache line.
#[derive(Default)]
pub(super) struct Aligned {
    lines: Vec<Line>,
}

impl Aligned {
    /// `length` bytes, rounded up to whole lines; zeros.
    pub(super) fn zeroed(length: usize) -> Self {
        let mut buffer = Self::default();
        buffer.grow(length);
        buffer
    }

    /// Makes sure that there are `length` bytes; what is new is zeros.
    pub(super) fn grow(&mut self, length: usize) {
        let lines = length.div_ceil(LINE);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0; LINE]));
        }
    }

    /// The first `count` numbers, for which room is made; what is new is zeros.
    pub(super) fn numbers_mut<T: Number>(&mut self, count: usize) -> &mut [T] {
        self.grow(count * size_of::<T>());
        &mut numbers_mut(self.bytes_mut())[..count]
    }

    /// All numbers that there is room for.
    pub(super) fn numbers<T: Number>(&self) -> &[T] {
        numbers(self.bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: lines are arrays of bytes without gaps between them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: lines are arrays of bytes without gaps between them.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LINE) }
    }
}

/// Values that are written before they are read.
#[derive(Default)]
pub(crate) struct Buffer(Vec<f32>);

impl Buffer {
    /// The first `length` values.
    pub(crate) fn first(&mut self, length: usize) -> &mut [f32] {
        if self.0.len() < length {
            self.0.resize(length, 0.0);
        }
        &mut self.0[..length]
    }
}

/// Numbers that every pattern of bits is a value of, and that bytes may hence be taken for.
///
/// # Safety
/// The type must be so, have no gaps, and have an alignment that divides [`LINE`].
pub(super) unsafe trait Number: Copy + Default {}

// SAFETY: every pattern of bits is a value of these types.
unsafe impl Number for f32 {}
// SAFETY: as above.
unsafe impl Number for i32 {}
// SAFETY: as above.
unsafe impl Number for i16 {}
// SAFETY: as above.
unsafe impl Number for u16 {}
// SAFETY: as above.
unsafe impl Number for i8 {}
// SAFETY: as above.
unsafe impl Number for u8 {}

/// The numbers that `bytes` hold; none where they begin at a wrong place.
pub(super) fn numbers<T: Number>(bytes: &[u8]) -> &[T] {
    // SAFETY: every pattern of bits is a number.
    let (before, numbers, _) = unsafe { bytes.align_to() };
    if before.is_empty() { numbers } else { &[] }
}

/// The bytes of `numbers`.
pub(super) fn bytes_of(numbers: &[f32]) -> &[u8] {
    // SAFETY: an f32 is four bytes without gaps.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// As [`numbers`], to be changed.
pub(super) fn numbers_mut<T: Number>(bytes: &mut [u8]) -> &mut [T] {
    // SAFETY: every pattern of bits is a number, and a number's bytes are bytes.
    let (before, numbers, _) = unsafe { bytes.align_to_mut() };
    if before.is_empty() { numbers } else { &mut [] }
}

/// A part of memory that others own too, such as a mapped file.
#[derive(Clone)]
pub(crate) struct Shared {
    memory: Arc<dyn AsRef<[u8]> + Send + Sync>,
    part: Range<usize>,
}

impl Shared {
    /// The bytes `part` of `memory`, which must give the same bytes each time that it is asked.
    ///
    /// # Errors
    /// Where `part` reaches beyond `memory` or does not begin at a multiple of 64 bytes of the address space.
    pub(crate) fn new(memory: Arc<dyn AsRef<[u8]> + Send + Sync>, part: Range<usize>) -> Result<Self, KernelError> {
        match (*memory).as_ref().get(part.clone()) {
            Some(bytes) if bytes.as_ptr().addr().is_multiple_of(LINE) => Ok(Self { memory, part }),
            Some(_) => Err(KernelError::Unaligned { start: part.start }),
            None => Err(KernelError::Size {
                what: "bytes up to the end of a packed matrix",
                expected: part.end,
                got: (*memory).as_ref().len(),
            }),
        }
    }

    fn bytes(&self) -> &[u8] {
        (*self.memory).as_ref().get(self.part.clone()).unwrap_or_default()
    }
}

/// Bytes of either kind.
pub(super) enum Bytes {
    Owned(Aligned),
    Shared(Shared),
}

impl Bytes {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Self::Owned(buffer) => buffer.bytes(),
            Self::Shared(shared) => shared.bytes(),
        }
    }
}
