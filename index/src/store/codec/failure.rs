//! `failures`: a file that could not be read, by its root and relative path.

use super::Record;
use crate::types::FailureRecord;

impl Record for FailureRecord {
    const WHAT: &'static str = "failure";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form() {
        let record = FailureRecord {
            reason: "no".into(),
            size: 3,
            mtime_ns: 1,
            failed_at_unix: 2,
            transient: true,
        };
        super::super::tests::check(&record, &[1, 2, b'n', b'o', 3, 2, 4, 1]);
    }
}
