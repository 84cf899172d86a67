//! The labels that are called so, or are kinds of what is, without the rest of a taxonomy.

use super::NodeId;
use super::find::{Word, best};
use super::graph::{Graph, Named};
use crate::labels::source::WordNet;
use crate::labels::{Label, LabelError};

/// For each of `words` the places of the labels that [`Taxonomy::called`](super::Taxonomy::called) finds for it, and of
/// those below them, ascending; none where it finds nothing.
///
/// # Errors
/// WordNet, in which parents are looked up that are none of the labels, cannot be read.
pub(in crate::labels) fn kinds_of<L: Named>(labels: &[L], words: &[&str]) -> Result<Vec<Vec<u32>>, LabelError> {
    let mut wordnet = WordNet::default();
    kinds(labels, words, |id| wordnet.label(id))
}

pub(super) fn kinds<L: Named>(
    labels: &[L],
    words: &[&str],
    beyond: impl FnMut(&str) -> Result<Option<Label>, LabelError>,
) -> Result<Vec<Vec<u32>>, LabelError> {
    let graph = Graph::new(labels, beyond)?;
    let found = words.iter().map(|word| {
        let word = Word::new(word);
        let ways = labels.iter().map(|label| word.names(label));
        let ways = ways.chain(graph.beyond.iter().map(|label| word.names(label)));
        let mut places = below(&graph, best((0..).zip(ways)));
        places.retain(|place| (*place as usize) < labels.len());
        places.sort_unstable();
        places
    });
    Ok(found.collect())
}

/// These nodes, and all that are kinds of them.
fn below(graph: &Graph, mut nodes: Vec<NodeId>) -> Vec<NodeId> {
    let mut seen = vec![false; graph.children.len()];
    let mut new = |node: &NodeId| {
        let seen = seen.get_mut(*node as usize);
        seen.is_some_and(|seen| !std::mem::replace(seen, true))
    };
    nodes.retain(&mut new);
    let mut next = 0;
    while let Some(node) = nodes.get(next) {
        let children = graph.children.get(*node as usize).into_iter().flatten().copied();
        nodes.extend(children.filter(&mut new));
        next += 1;
    }
    nodes
}
