//! Labels and what they are kinds of: a directed graph without cycles, in which a label may have several parents.
//!
//! Parents that a bank names and does not have are looked up in WordNet; what is not there either is a node that has
//! nothing but its name.

mod build;
mod find;
mod graph;
mod kinds;

pub(super) use graph::Named;
pub(super) use kinds::kinds_of;

use super::source::WordNet;
use super::{Label, LabelError};

/// Names a node of a [`Taxonomy`]. The labels that it was made of come first, by place.
pub type NodeId = u32;

/// Sums of shares miss a whole by so much at most.
const ROUNDING: f64 = 1e-6;

/// Labels under what they are kinds of.
pub struct Taxonomy {
    nodes: Vec<Node>,
    /// Of all nodes, one after another: the node itself, then its ancestors, each once.
    lines: Vec<NodeId>,
    /// Number of labels, which are the first nodes.
    labels: usize,
}

/// A label, or a kind of labels.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The label, or what WordNet knows of the kind.
    pub label: Label,
    /// What it is a kind of.
    pub parents: Vec<NodeId>,
    /// Its kinds.
    pub children: Vec<NodeId>,
    /// Number of labels that are it or below it.
    pub below: u32,
    /// Where its line of ancestors is.
    line: std::ops::Range<usize>,
}

/// The most specific answer that reaches a confidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The node, last, behind what it is a kind of, the root first; each with its probability, 0 to 1.
    pub path: Vec<(NodeId, f64)>,
}

impl Taxonomy {
    /// Of the labels of a bank, in the order of their places.
    ///
    /// # Errors
    /// Labels are each other's ancestors, or one has more ancestors than any hierarchy of things has.
    pub fn new(labels: &[Label]) -> Result<Self, LabelError> {
        let mut wordnet = WordNet::default();
        build::taxonomy(labels, |id| wordnet.label(id))
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node itself and its ancestors, each once, however many ways lead there.
    pub fn line(&self, id: NodeId) -> &[NodeId] {
        let line = self.node(id).map(|node| node.line.clone()).unwrap_or_default();
        self.lines.get(line).unwrap_or_default()
    }

    /// The places of the labels that are a node or below it, ascending.
    pub fn labels_below(&self, id: NodeId) -> Vec<u32> {
        let labels = 0..self.labels as u32;
        labels.filter(|label| self.line(*label).contains(&id)).collect()
    }

    /// The probability of every node: what the labels that are it or below it have together. `shares` are those of the
    /// labels, by place.
    pub fn sums(&self, shares: &[f32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.nodes.len()];
        for (label, share) in (0..self.labels as u32).zip(shares) {
            for node in self.line(label) {
                if let Some(sum) = sums.get_mut(*node as usize) {
                    *sum += f64::from(*share);
                }
            }
        }
        sums
    }

    /// The most specific node whose probability in `sums` reaches `confidence`: no kind of it does. Of several, the one
    /// with the fewest labels below it, then the likeliest.
    pub fn answer(&self, sums: &[f64], confidence: f64) -> Option<Answer> {
        let sum = |id: NodeId| sums.get(id as usize).copied().unwrap_or_default();
        let reaches = |id: NodeId| sum(id) >= confidence - ROUNDING;
        let (id, _) = (0..)
            .zip(&self.nodes)
            .fold(None, |best: Option<(NodeId, &Node)>, (id, node)| {
                if node.below == 0 || !reaches(id) || node.children.iter().any(|child| reaches(*child)) {
                    return best;
                }
                let better = best.is_none_or(|(other, best)| (node.below, -sum(id)) < (best.below, -sum(other)));
                if better { Some((id, node)) } else { best }
            })?;
        Some(Answer {
            path: self.path(id).into_iter().map(|id| (id, sum(id))).collect(),
        })
    }

    /// The way from a root to a node. Where there are several parents it goes through the first, which in WordNet is the
    /// principal one.
    pub fn path(&self, id: NodeId) -> Vec<NodeId> {
        let mut path = vec![id];
        let mut node = self.node(id);
        while let Some(parent) = node.and_then(|node| node.parents.first()) {
            path.push(*parent);
            node = self.node(*parent);
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests;
