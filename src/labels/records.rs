//! What the library keeps of a bank and of each of its labels.

use serde::{Deserialize, Serialize};

use super::Label;
use crate::library::Record;

/// A label bank as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankRecord {
    /// Where the labels came from last.
    pub source: String,
    /// The prompt template, with `{}` for the name.
    pub template: String,
}

impl Record for BankRecord {
    const WHAT: &'static str = "label bank";
    const VERSION: u8 = 1;
}

/// One label and the prompt that its vector was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRecord {
    /// The label.
    pub label: Label,
    /// The text that was embedded; another prompt means another vector.
    pub prompt: String,
}

impl Record for LabelRecord {
    const WHAT: &'static str = "label";
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_stays_and_round_trips() {
        let label = Label {
            id: "n1".into(),
            name: "cat".into(),
            ..Label::default()
        };
        let record = LabelRecord {
            label,
            prompt: "a photo of a cat.".into(),
        };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, b"\x01\x02n1\x03cat\x00\x00\x00\x11a photo of a cat.");
        assert_eq!(LabelRecord::decode(&bytes).unwrap(), record);

        let bank = BankRecord {
            source: "list.txt".into(),
            template: "{}".into(),
        };
        let bytes = bank.encode().unwrap();
        assert_eq!(bytes, b"\x01\x08list.txt\x02{}");
        assert_eq!(BankRecord::decode(&bytes).unwrap(), bank);
    }
}
