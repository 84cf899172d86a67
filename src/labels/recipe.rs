//! How the labels of a bank become prompts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LabelError, TemplateSet};

/// What prompts a bank makes of each of its labels. The label's vector is the mean of their unit vectors, scaled to unit
/// length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The sentences that names are put into.
    pub templates: TemplateSet,
    /// What is put into them beside the name.
    pub with: With,
    /// How labels of one name are told apart.
    pub senses: Senses,
}

/// What further prompts are made of, beside the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct With {
    /// Every synonym, as the name is.
    pub synonyms: bool,
    /// The name followed by its definition.
    pub definition: bool,
}

/// How labels are told apart whose names are the same, as those of the bird and of the machine that are called crane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Senses {
    /// Not at all: they have the same vector.
    Off,
    /// By the nearest parent that the others do not have: "crane (wading bird)" is a prompt beside "crane".
    #[default]
    Parent,
    /// By their definitions, in the same way.
    Definition,
}

/// What is to change of a recipe; the rest stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipeChange {
    /// Other templates.
    pub templates: Option<TemplateSet>,
    /// Other further prompts.
    pub with: Option<With>,
    /// Another way to tell labels of one name apart.
    pub senses: Option<Senses>,
}

impl RecipeChange {
    /// The recipe with the change.
    pub(super) fn apply(&self, recipe: &Recipe) -> Recipe {
        Recipe {
            templates: self.templates.as_ref().unwrap_or(&recipe.templates).clone(),
            with: self.with.unwrap_or(recipe.with),
            senses: self.senses.unwrap_or(recipe.senses),
        }
    }
}

const NONE: &str = "none";
const SYNONYMS: &str = "synonyms";
const DEFINITION: &str = "definition";

impl FromStr for With {
    type Err = LabelError;

    /// `synonyms`, `definition`, both with a comma between them, or `none`.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        let mut with = Self::default();
        for part in text.split(',').map(str::trim) {
            match part {
                SYNONYMS => with.synonyms = true,
                DEFINITION => with.definition = true,
                NONE => {}
                _ => {
                    return Err(LabelError::Choice {
                        given: part.to_owned(),
                        known: "synonyms, definition, none",
                    });
                }
            }
        }
        Ok(with)
    }
}

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.synonyms, self.definition) {
            (true, true) => "synonyms,definition",
            (true, false) => SYNONYMS,
            (false, true) => DEFINITION,
            (false, false) => NONE,
        })
    }
}

impl FromStr for Senses {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let all = [Self::Off, Self::Parent, Self::Definition];
        let named = all.into_iter().find(|senses| senses.to_string() == text);
        named.ok_or_else(|| LabelError::Choice {
            given: text.to_owned(),
            known: "parent, definition, off",
        })
    }
}

impl fmt::Display for Senses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Parent => "parent",
            Self::Definition => DEFINITION,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_round_trip() {
        for text in ["none", "synonyms", "definition", "synonyms,definition"] {
            assert_eq!(text.parse::<With>().unwrap().to_string(), text);
        }
        for text in ["off", "parent", "definition"] {
            assert_eq!(text.parse::<Senses>().unwrap().to_string(), text);
        }
        let error = "synonym".parse::<With>().unwrap_err().to_string();
        assert!(error.contains("'synonym'") && error.contains("synonyms"), "{error}");
        assert!("grandparent".parse::<Senses>().is_err());
    }

    #[test]
    fn a_change_leaves_the_rest() {
        let change = RecipeChange {
            senses: Some(Senses::Off),
            ..RecipeChange::default()
        };
        let recipe = change.apply(&Recipe::default());
        assert_eq!(
            (recipe.senses, &recipe.templates),
            (Senses::Off, &TemplateSet::default())
        );
    }
}
