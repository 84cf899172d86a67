//! Memory that begins at a cache line, owned or part of a mapped file.

#![allow(unsafe_code, reason = "views of aligned memory as bytes and numbers")]

use std::ops::Range;
use std::sync::Arc;

use memmap2::MmapMut;

use super::KernelError;

/// What every part of a buffer begins at a multiple of: a cache line, and the widest register.
pub(super) const LINE: usize = 64;

#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line(#[allow(dead_code, reason = "read as bytes of the whole buffer")] [u8; LINE]);

/// From so many bytes on, memory is asked for in large pages, and in whole ones.
const LARGE: usize = 1 << 20;
/// Bytes of a large page.
const LARGE_PAGE: usize = 2 << 20;

/// Bytes that begin at a cache line. Many of them lie in large pages where the system has such: a product goes through several
/// megabytes, whose small pages are more than the core knows the places of.
#[derive(Default)]
pub(super) struct Aligned {
    memory: Memory,
}

enum Memory {
    Lines(Vec<Line>),
    /// A part of the map that begins at a large page.
    Pages(MmapMut, Range<usize>),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

impl Memory {
    /// `length` bytes, in large pages if that can be had.
    fn in_large_pages(length: usize) -> Option<Self> {
        let map = MmapMut::map_anon(length.next_multiple_of(LARGE_PAGE) + LARGE_PAGE).ok()?;
        // Where it is refused, only speed is lost.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let address = map.as_ptr().addr();
        let start = address.next_multiple_of(LARGE_PAGE) - address;
        Some(Self::Pages(map, start..start + length))
    }
}

impl Aligned {
    /// `length` bytes, rounded up to whole lines; zeros.
    pub(super) fn zeroed(length: usize) -> Self {
        let mut buffer = Self::default();
        buffer.grow(length);
        buffer
    }

    /// Makes sure that there are `length` bytes, rounded up to whole lines and no more than that; what is new is zeros.
    pub(super) fn grow(&mut self, length: usize) {
        if self.bytes().len() >= length {
            return;
        }
        let length = length.next_multiple_of(LINE);
        let pages = (length >= LARGE).then(|| Memory::in_large_pages(length)).flatten();
        let memory = pages.unwrap_or_else(|| Memory::Lines(vec![Line([0; LINE]); length / LINE]));
        let smaller = std::mem::replace(self, Self { memory });
        self.bytes_mut()[..smaller.bytes().len()].copy_from_slice(smaller.bytes());
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
        match &self.memory {
            // SAFETY: lines are arrays of bytes without gaps between them.
            Memory::Lines(lines) => unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LINE) },
            Memory::Pages(map, part) => &map[part.clone()],
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.memory {
            // SAFETY: as in `bytes`.
            Memory::Lines(lines) => unsafe {
                std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LINE)
            },
            Memory::Pages(map, part) => &mut map[part.clone()],
        }
    }
}

/// Values that are written before they are read.
#[derive(Default)]
pub(crate) struct Buffer(Aligned);

impl Buffer {
    /// The first `length` values.
    pub(crate) fn first(&mut self, length: usize) -> &mut [f32] {
        self.0.numbers_mut(length)
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
unsafe impl Number for [u16; 3] {}
// SAFETY: as above.
unsafe impl Number for [u8; 3] {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_keeps_what_it_holds_and_is_zeros_beyond() {
        let mut memory = Aligned::default();
        let mut before = 0;
        for length in [1, 100, 99, LARGE, LARGE + 1, 3 * LARGE_PAGE, 5] {
            memory.grow(length);
            let bytes = memory.bytes_mut();
            assert_eq!(bytes.len(), length.next_multiple_of(LINE).max(before));
            assert!(bytes.as_ptr().addr().is_multiple_of(LINE));
            assert!(bytes[..before].iter().all(|byte| *byte == 7));
            assert!(bytes[before..].iter().all(|byte| *byte == 0));
            bytes.fill(7);
            before = bytes.len();
        }
        assert!(memory.bytes().as_ptr().addr().is_multiple_of(LARGE_PAGE));
    }
}
