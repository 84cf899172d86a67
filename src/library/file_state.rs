use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use clipdex_index::{FailureRecord, FileRecord};

/// Size and modification time: as long as both stay, a file is not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileState {
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970, negative before.
    pub mtime_ns: i64,
}

impl FileState {
    /// As the file is now.
    pub fn of(metadata: &Metadata) -> Self {
        let mtime_ns = metadata
            .modified()
            .map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
                Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
            });
        Self {
            size: metadata.len(),
            mtime_ns,
        }
    }

    /// As the file was when it was indexed.
    pub fn recorded(record: &FileRecord) -> Self {
        Self {
            size: record.size,
            mtime_ns: record.mtime_ns,
        }
    }

    /// As the file was when it could not be used.
    pub fn failed(record: &FailureRecord) -> Self {
        Self {
            size: record.size,
            mtime_ns: record.mtime_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_before_1970_are_negative() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.jpg");
        let file = fs::File::create(&path).unwrap();
        file.set_modified(UNIX_EPOCH - Duration::from_nanos(5)).unwrap();
        assert_eq!(FileState::of(&fs::metadata(&path).unwrap()).mtime_ns, -5);
    }
}
