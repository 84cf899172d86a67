use std::fmt;

/// Why a kernel refuses what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelError {
    /// A count that does not fit the others.
    Size {
        /// What is counted.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// Heads that do not divide a width.
    Heads {
        /// Number of heads.
        heads: usize,
        /// Values to divide.
        width: usize,
    },
    /// Packed bytes of another arrangement.
    Layout {
        /// The arrangement that these kernels read.
        expected: u64,
        /// The arrangement that the bytes have.
        got: u64,
    },
    /// Packed bytes that do not begin at a cache line.
    Unaligned {
        /// Where they begin.
        start: usize,
    },
    /// Rows that were converted for other kernels or another precision.
    Encoding,
}

impl fmt::Display for KernelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { what, expected, got } => write!(formatter, "{what}: {got} given, {expected} needed"),
            Self::Heads { heads, width } => {
                write!(formatter, "attention of {heads} heads cannot divide {width} values")
            }
            Self::Layout { expected, got } => write!(
                formatter,
                "packed weights have the layout {got:016x}, and this processor needs {expected:016x}; pack them again"
            ),
            Self::Unaligned { start } => write!(
                formatter,
                "packed weights at byte {start} do not begin at a multiple of 64 bytes; pack them again"
            ),
            Self::Encoding => formatter.write_str("rows were converted for another precision than the weights have"),
        }
    }
}

impl std::error::Error for KernelError {}

/// An error unless `got` is `expected`.
pub(super) fn same_size(what: &'static str, expected: usize, got: usize) -> Result<(), KernelError> {
    if got == expected {
        Ok(())
    } else {
        Err(KernelError::Size { what, expected, got })
    }
}
