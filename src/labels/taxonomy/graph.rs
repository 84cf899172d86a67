//! Which labels are kinds of which.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::NodeId;
use crate::labels::{Label, LabelError};

/// What a label is called, and what it is a kind of.
pub(in crate::labels) trait Named {
    /// What tells it from the other labels of its bank.
    fn key(&self) -> &str;
    fn name(&self) -> &str;
    fn synonyms(&self) -> impl Iterator<Item = &str>;
    /// Keys, or names that only one label has, of what it is a kind of.
    fn parents(&self) -> impl Iterator<Item = &str>;
}

impl Named for Label {
    fn key(&self) -> &str {
        self.key()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn synonyms(&self) -> impl Iterator<Item = &str> {
        self.synonyms.iter().map(String::as_str)
    }

    fn parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().map(String::as_str)
    }
}

/// Labels, which are the first nodes, and what they are kinds of beyond themselves.
pub(super) struct Graph {
    /// The nodes behind the labels.
    pub beyond: Vec<Label>,
    /// Of every node, what it is a kind of, each once.
    pub parents: Vec<Vec<NodeId>>,
    /// Of every node, its kinds.
    pub children: Vec<Vec<NodeId>>,
}

impl Graph {
    /// `beyond` tells what is known of a parent that is none of the labels.
    pub fn new<L: Named>(
        labels: &[L],
        mut beyond: impl FnMut(&str) -> Result<Option<Label>, LabelError>,
    ) -> Result<Self, LabelError> {
        let mut nodes = Nodes::of(labels);
        let mut parents = Vec::with_capacity(labels.len());
        for label in labels {
            parents.push(nodes.parents(label, &mut beyond)?);
        }
        while let Some(label) = nodes.beyond.get(parents.len() - labels.len()).cloned() {
            parents.push(nodes.parents(&label, &mut beyond)?);
        }
        let mut children = vec![Vec::new(); parents.len()];
        for (child, parents) in (0..).zip(&parents) {
            for parent in parents {
                if let Some(children) = children.get_mut(*parent as usize) {
                    children.push(child);
                }
            }
        }
        Ok(Self {
            beyond: nodes.beyond,
            parents,
            children,
        })
    }
}

/// How parents are named.
struct Nodes<'l, L> {
    labels: &'l [L],
    keys: HashMap<&'l str, NodeId>,
    /// None for a name that several labels have.
    names: OnceCell<HashMap<&'l str, Option<NodeId>>>,
    beyond: Vec<Label>,
    beyond_keys: HashMap<String, NodeId>,
}

impl<'l, L: Named> Nodes<'l, L> {
    fn of(labels: &'l [L]) -> Self {
        Self {
            labels,
            keys: labels.iter().map(Named::key).zip(0..).collect(),
            names: OnceCell::new(),
            beyond: Vec::new(),
            beyond_keys: HashMap::new(),
        }
    }

    /// The node that a parent's key names, or else a name that only one label has.
    fn find(&self, parent: &str) -> Option<NodeId> {
        let by_key = self.keys.get(parent).or_else(|| self.beyond_keys.get(parent)).copied();
        by_key.or_else(|| self.names().get(parent).copied().flatten())
    }

    fn names(&self) -> &HashMap<&'l str, Option<NodeId>> {
        self.names.get_or_init(|| {
            let mut names = HashMap::new();
            for (id, label) in (0..).zip(self.labels) {
                let name = names.entry(label.name());
                name.and_modify(|name| *name = None).or_insert(Some(id));
            }
            names
        })
    }

    /// What a node is a kind of; of what is met for the first time there is a node from now on.
    fn parents(
        &mut self,
        child: &impl Named,
        beyond: &mut impl FnMut(&str) -> Result<Option<Label>, LabelError>,
    ) -> Result<Vec<NodeId>, LabelError> {
        let mut parents = Vec::new();
        for parent in child.parents() {
            let id = match self.find(parent) {
                Some(id) => id,
                None => {
                    let id = (self.labels.len() + self.beyond.len()) as NodeId;
                    let label = beyond(parent)?.unwrap_or_else(|| Label::named(parent));
                    self.beyond.push(label);
                    self.beyond_keys.insert(parent.to_owned(), id);
                    id
                }
            };
            if !parents.contains(&id) {
                parents.push(id);
            }
        }
        Ok(parents)
    }
}
