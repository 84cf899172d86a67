//! Nodes by what people call them.

use super::{NodeId, Taxonomy};
use crate::labels::{Label, LabelError};

/// Meanings of a word that a message tells.
const TOLD: usize = 10;

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
        let same = |text: &str| text == wanted;
        let lower = wanted.to_lowercase();
        let alike = |text: &str| text.to_lowercase() == lower;
        let ways: [&dyn Fn(&Label) -> bool; 5] = [
            &|label| same(label.key()),
            &|label| same(&label.name),
            &|label| alike(&label.name),
            &|label| label.synonyms.iter().any(|name| same(name)),
            &|label| label.synonyms.iter().any(|name| alike(name)),
        ];
        for way in ways {
            let nodes = (0..).zip(&self.nodes);
            let found: Vec<NodeId> = nodes
                .filter(|(_, node)| node.below > 0 && way(&node.label))
                .map(|(id, _)| id)
                .collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Err(LabelError::UnknownNode(wanted.to_owned()))
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
