//! What a bank and a source of labels do not have in common.

use std::collections::HashMap;

use super::Label;

/// Labels that only one of two lists has, and those that differ. Labels correspond by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Only in the second list, in its order.
    pub new: Vec<Label>,
    /// Only in the first list, in its order.
    pub gone: Vec<Label>,
    /// In both, as the second has them, each with the fields that differ.
    pub changed: Vec<(Label, Vec<&'static str>)>,
}

impl Difference {
    /// From the labels of a bank to those of a source.
    pub fn between(bank: Vec<Label>, source: Vec<Label>) -> Self {
        let order: Vec<String> = bank.iter().map(|label| label.key().to_owned()).collect();
        let mut known: HashMap<String, Label> = bank.into_iter().map(|label| (label.key().to_owned(), label)).collect();
        let mut difference = Self::default();
        for label in source {
            match known.remove(label.key()) {
                None => difference.new.push(label),
                Some(old) if old == label => {}
                Some(old) => {
                    let fields = old.differences(&label);
                    difference.changed.push((label, fields));
                }
            }
        }
        difference.gone = order.iter().filter_map(|key| known.remove(key)).collect();
        difference
    }

    /// Whether the two are the same.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_correspond_by_their_keys() {
        let with_id = |name: &str| Label {
            id: "n1".into(),
            ..Label::named(name)
        };
        let bank = vec![with_id("cat"), Label::named("dog"), Label::named("emu")];
        let source = vec![Label::named("fox"), with_id("tabby"), Label::named("dog")];
        let difference = Difference::between(bank.clone(), source);
        assert_eq!(difference.new, [Label::named("fox")]);
        assert_eq!(difference.gone, [Label::named("emu")]);
        assert_eq!(difference.changed, [(with_id("tabby"), vec!["name"])]);
        assert!(Difference::between(bank.clone(), bank).is_empty());
    }
}
