//! Making a taxonomy of labels.

use super::graph::Graph;
use super::{Node, NodeId, Taxonomy};
use crate::labels::{Label, LabelError};

/// More ancestors than any hierarchy of things gives a label; WordNet's have 40 at most. Lines of ancestors take memory
/// for each of them.
const MOST_ANCESTORS: usize = 1_000;

/// Names of a cycle that a message tells.
const TOLD: usize = 5;

/// The taxonomy of labels; `beyond` tells what is known of a parent that is none of them.
pub(super) fn taxonomy(
    labels: &[Label],
    beyond: impl FnMut(&str) -> Result<Option<Label>, LabelError>,
) -> Result<Taxonomy, LabelError> {
    let mut nodes = nodes(labels, Graph::new(labels, beyond)?);
    let order = parents_first(&nodes)?;
    let lines = lines(&mut nodes, &order)?;
    let mut taxonomy = Taxonomy {
        nodes,
        lines,
        labels: labels.len(),
    };
    let mut below = vec![0; taxonomy.nodes.len()];
    for label in 0..labels.len() as NodeId {
        for node in taxonomy.line(label) {
            if let Some(below) = below.get_mut(*node as usize) {
                *below += 1;
            }
        }
    }
    for (node, below) in taxonomy.nodes.iter_mut().zip(below) {
        node.below = below;
    }
    Ok(taxonomy)
}

/// The labels and all that they are kinds of, without their lines.
fn nodes(labels: &[Label], graph: Graph) -> Vec<Node> {
    let labels = labels.iter().cloned().chain(graph.beyond);
    let kin = graph.parents.into_iter().zip(graph.children);
    let node = |(label, (parents, children))| Node {
        label,
        parents,
        children,
        ..Node::default()
    };
    labels.zip(kin).map(node).collect()
}

/// All nodes, each behind its parents.
fn parents_first(nodes: &[Node]) -> Result<Vec<NodeId>, LabelError> {
    let mut waiting: Vec<usize> = nodes.iter().map(|node| node.parents.len()).collect();
    let ready = (0..).zip(nodes).filter(|(_, node)| node.parents.is_empty());
    let mut order: Vec<NodeId> = ready.map(|(id, _)| id).collect();
    let mut next = 0;
    while let Some(id) = order.get(next).copied() {
        for child in nodes.get(id as usize).map_or(&[][..], |node| &node.children) {
            if let Some(waiting) = waiting.get_mut(*child as usize) {
                *waiting -= 1;
                if *waiting == 0 {
                    order.push(*child);
                }
            }
        }
        next += 1;
    }
    if order.len() == nodes.len() {
        return Ok(order);
    }
    Err(LabelError::Cycle(cycle(nodes, &waiting)))
}

/// The names of a cycle, of which there is one among the nodes that still wait for a parent.
fn cycle(nodes: &[Node], waiting: &[usize]) -> String {
    let waits = |id: &NodeId| waiting.get(*id as usize).is_some_and(|parents| *parents > 0);
    let mut way: Vec<NodeId> = (0..nodes.len() as NodeId).find(|id| waits(id)).into_iter().collect();
    let parent = |id: &NodeId| {
        nodes
            .get(*id as usize)?
            .parents
            .iter()
            .copied()
            .find(|parent| waits(parent))
    };
    let start = loop {
        let Some(next) = way.last().and_then(parent) else {
            break 0;
        };
        if let Some(start) = way.iter().position(|id| *id == next) {
            break start;
        }
        way.push(next);
    };
    let around = way.get(start..).unwrap_or_default();
    let names = around.iter().take(TOLD).filter_map(|id| nodes.get(*id as usize));
    let mut names: Vec<_> = names.map(|node| format!("'{}'", node.label.name)).collect();
    if around.len() > TOLD {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// The lines of ancestors, one after another.
fn lines(nodes: &mut [Node], order: &[NodeId]) -> Result<Vec<NodeId>, LabelError> {
    let mut lines: Vec<NodeId> = Vec::new();
    // The node whose line a node was last put into.
    let mut seen = vec![NodeId::MAX; nodes.len()];
    for id in order {
        let start = lines.len();
        lines.push(*id);
        let parents = nodes
            .get(*id as usize)
            .map(|node| node.parents.clone())
            .unwrap_or_default();
        for parent in parents {
            let line = nodes
                .get(parent as usize)
                .map(|node| node.line.clone())
                .unwrap_or_default();
            for at in line {
                let Some(ancestor) = lines.get(at).copied() else {
                    continue;
                };
                if let Some(seen) = seen.get_mut(ancestor as usize).filter(|seen| **seen != *id) {
                    *seen = *id;
                    lines.push(ancestor);
                }
            }
        }
        let Some(node) = nodes.get_mut(*id as usize) else {
            continue;
        };
        node.line = start..lines.len();
        if node.line.len() > MOST_ANCESTORS {
            return Err(LabelError::TooDeep {
                label: node.label.name.clone(),
                most: MOST_ANCESTORS,
            });
        }
    }
    Ok(lines)
}
