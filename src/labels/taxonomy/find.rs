//! Nodes by what people call them.

use super::graph::Named;
use super::{NodeId, Taxonomy};
use crate::labels::LabelError;

/// Meanings of a word that a message tells.
const TOLD: usize = 10;

/// What people call a node.
pub(super) struct Word<'w> {
    given: &'w str,
    lower: String,
}

/// In which way a word names a node, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Key,
    Name,
    NameInOtherCase,
    Synonym,
    SynonymInOtherCase,
}

impl<'w> Word<'w> {
    pub fn new(given: &'w str) -> Self {
        let lower = given.to_lowercase();
        Self { given, lower }
    }

    /// The best way in which it names a label, if it does.
    pub fn names(&self, label: &impl Named) -> Option<Way> {
        if label.key() == self.given {
            return Some(Way::Key);
        }
        if label.name() == self.given {
            return Some(Way::Name);
        }
        if self.is_in_other_case(label.name()) {
            return Some(Way::NameInOtherCase);
        }
        if label.synonyms().any(|name| name == self.given) {
            return Some(Way::Synonym);
        }
        let alike = label.synonyms().any(|name| self.is_in_other_case(name));
        alike.then_some(Way::SynonymInOtherCase)
    }

    fn is_in_other_case(&self, text: &str) -> bool {
        if text.is_ascii() && self.given.is_ascii() {
            text.eq_ignore_ascii_case(self.given)
        } else {
            text.to_lowercase() == self.lower
        }
    }
}

/// The nodes that are named in the best way in which any is.
pub(super) fn best(nodes: impl Iterator<Item = (NodeId, Option<Way>)>) -> Vec<NodeId> {
    let mut best = None;
    let mut found = Vec::new();
    for (id, way) in nodes {
        let Some(way) = way else { continue };
        if best.is_none_or(|best| way < best) {
            best = Some(way);
            found.clear();
        }
        if best == Some(way) {
            found.push(id);
        }
    }
    found
}

impl Taxonomy {
    /// The one node that [`Taxonomy::called`] finds.
    ///
    /// # Errors
    /// No node that has labels is called so, or several are.
    pub fn find(&self, wanted: &str) -> Result<NodeId, LabelError> {
        match self.called(wanted)?.as_slice() {
            [one] => Ok(*one),
            several => Err(LabelError::AmbiguousNode {
                name: wanted.to_owned(),
                meanings: self.meanings(several),
            }),
        }
    }

    /// The node with this identifier, else those with this name, else those with this synonym; letters count the same in
    /// either case where none has them as they are. At least one, and several where a word has several meanings.
    ///
    /// # Errors
    /// No node that has labels is called so.
    pub fn called(&self, wanted: &str) -> Result<Vec<NodeId>, LabelError> {
        let word = Word::new(wanted);
        let nodes = (0..).zip(&self.nodes).filter(|(_, node)| node.below > 0);
        let found = best(nodes.map(|(id, node)| (id, word.names(&node.label))));
        if found.is_empty() {
            return Err(LabelError::UnknownNode(wanted.to_owned()));
        }
        Ok(found)
    }

    fn meanings(&self, nodes: &[NodeId]) -> String {
        let told = nodes.iter().take(TOLD).filter_map(|id| self.node(*id));
        let mut meanings: Vec<_> = told
            .map(|node| match node.label.definition.as_str() {
                "" => node.label.key().to_owned(),
                definition => format!("{} ({definition})", node.label.key()),
            })
            .collect();
        if nodes.len() > TOLD {
            meanings.push("…".to_owned());
        }
        meanings.join(", ")
    }
}
