use serde::{Deserialize, Serialize};

/// One thing that can be recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Identifier in its vocabulary, such as a WordNet synset ("n02084071"); empty where the source has none.
    pub id: String,
    /// The name that goes into the prompts.
    pub name: String,
    /// Other names of the same thing.
    pub synonyms: Vec<String>,
    /// What the name means, in words; may be empty.
    pub definition: String,
    /// Identifiers of the labels that this one is a kind of.
    pub parents: Vec<String>,
    /// Whole sentences that are embedded for this label, in place of the bank's templates; mostly none.
    pub prompts: Vec<String>,
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

    /// Whether the name is rather a sentence, which says nothing more in "a photo of a {}.".
    pub fn is_sentence(&self) -> bool {
        self.prompts.is_empty()
            && (self.name.ends_with(['.', '!', '?']) || self.name.split_whitespace().nth(7).is_some())
    }

    /// Whether people may mean this label by `word`: its identifier or its name.
    pub fn is_called(&self, word: &str) -> bool {
        self.id == word || self.name == word
    }

    /// The names of the fields in which two labels differ, as label files call their columns.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let fields = [
            ("id", self.id == other.id),
            ("name", self.name == other.name),
            ("synonyms", self.synonyms == other.synonyms),
            ("definition", self.definition == other.definition),
            ("parents", self.parents == other.parents),
            ("prompts", self.prompts == other.prompts),
        ];
        let differing = fields.into_iter().filter(|(_, same)| !same);
        differing.map(|(name, _)| name).collect()
    }
}
