//! `files`: a catalogued file by its root and relative path.

use super::Record;
use crate::types::FileRecord;

impl Record for FileRecord {
    const WHAT: &'static str = "file";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SpaceId;

    #[test]
    fn stored_form() {
        let record = FileRecord {
            space: SpaceId(1),
            item: 2,
            size: 300,
            mtime_ns: -1,
            hash: [5; 32],
        };
        super::super::tests::check(&record, &[&[1, 1, 2, 0xac, 2, 1][..], &[5; 32]].concat());
    }
}
