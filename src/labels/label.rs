use serde::{Deserialize, Serialize};

/// One thing that can be recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Identifier in its vocabulary, such as a WordNet synset ("n02084071"); empty where the source has none.
    pub id: String,
    /// The name that goes into the prompt.
    pub name: String,
    /// Other names of the same thing.
    pub synonyms: Vec<String>,
    /// What the name means, in words; may be empty.
    pub definition: String,
    /// Identifiers of the labels that this one is a kind of.
    pub parents: Vec<String>,
}

impl Label {
    /// A label that is only a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// What tells this label from the others of its bank: its identifier, or its name where it has none.
    pub fn key(&self) -> &str {
        if self.id.is_empty() { &self.name } else { &self.id }
    }
}
