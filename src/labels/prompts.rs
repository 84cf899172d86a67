//! The prompts of a bank's labels.

use std::collections::HashMap;

use rayon::prelude::*;

use super::records::Digest;
use super::{Label, LabelError, Recipe, senses};

/// What a prompt is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phrase {
    /// Goes into every template.
    Name(String),
    /// Is a prompt as it stands.
    Sentence(String),
}

/// Makes the prompts of a bank's labels by its recipe.
pub(super) struct Prompts {
    recipe: Recipe,
    /// What is added to names that several labels share, by the labels' keys.
    senses: HashMap<String, String>,
}

impl Prompts {
    /// For a bank that has `labels`, all of them: whether a name has to be told from others depends on the others.
    ///
    /// # Errors
    /// The built-in list of nouns, in which parents are looked up, cannot be read.
    pub fn new(recipe: &Recipe, labels: &[&Label]) -> Result<Self, LabelError> {
        Ok(Self {
            recipe: recipe.clone(),
            senses: senses::tell_apart(labels, recipe.senses)?,
        })
    }

    /// What the prompts of a label are made of. A label's own sentences take the place of everything else.
    pub fn phrases(&self, label: &Label) -> Vec<Phrase> {
        if !label.prompts.is_empty() {
            return label.prompts.iter().cloned().map(Phrase::Sentence).collect();
        }
        let mut phrases = vec![Phrase::Name(label.name.clone())];
        if let Some(sense) = self.senses.get(label.key()) {
            // Beside the bare name, not in its place: a mean with it is told from the others, and stays near to the name,
            // which the encoder knows better than the two together.
            phrases.push(Phrase::Name(format!("{} ({sense})", label.name)));
        }
        if self.recipe.with.synonyms {
            for synonym in &label.synonyms {
                let phrase = Phrase::Name(synonym.clone());
                if !phrases.contains(&phrase) {
                    phrases.push(phrase);
                }
            }
        }
        if self.recipe.with.definition && !label.definition.is_empty() {
            phrases.push(Phrase::Name(format!("{}, {}", label.name, label.definition)));
        }
        phrases
    }

    /// The prompts of a phrase, at least one.
    pub fn texts(&self, phrase: &Phrase) -> Vec<String> {
        match phrase {
            Phrase::Name(name) => {
                let templates = self.recipe.templates.templates();
                templates.iter().map(|template| template.render(name)).collect()
            }
            Phrase::Sentence(sentence) => vec![sentence.clone()],
        }
    }

    /// How many prompts a phrase makes.
    pub fn count(&self, phrase: &Phrase) -> usize {
        match phrase {
            Phrase::Name(_) => self.recipe.templates.templates().len(),
            Phrase::Sentence(_) => 1,
        }
    }

    /// All prompts of a label.
    pub fn of(&self, label: &Label) -> Vec<String> {
        self.phrases(label)
            .iter()
            .flat_map(|phrase| self.texts(phrase))
            .collect()
    }

    /// The digests of the labels' prompts, in their order.
    pub fn digests(&self, labels: &[&Label]) -> Vec<Digest> {
        labels.par_iter().map(|label| Digest::of(&self.of(label))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{Senses, TemplateSet, With};

    fn recipe(with: &str) -> Recipe {
        Recipe {
            templates: TemplateSet::single("a {}.".parse().unwrap()),
            with: with.parse::<With>().unwrap(),
            senses: Senses::Definition,
        }
    }

    fn crane(id: &str, definition: &str) -> Label {
        Label {
            id: id.into(),
            synonyms: vec!["hoist".into()],
            definition: definition.into(),
            ..Label::named("crane")
        }
    }

    #[test]
    fn the_recipe_says_what_is_rendered() {
        let label = crane("n1", "lifts things");
        let prompts = |with: &str| Prompts::new(&recipe(with), &[&label]).unwrap().of(&label);
        assert_eq!(prompts("none"), ["a crane."]);
        assert_eq!(prompts("synonyms"), ["a crane.", "a hoist."]);
        assert_eq!(prompts("definition"), ["a crane.", "a crane, lifts things."]);
    }

    #[test]
    fn own_prompts_stand_alone() {
        let label = Label {
            prompts: vec!["our cat Miso".into(), "Miso on the sofa".into()],
            ..crane("n1", "x")
        };
        let prompts = Prompts::new(&recipe("synonyms"), &[&label]).unwrap();
        assert_eq!(prompts.of(&label), ["our cat Miso", "Miso on the sofa"]);
        assert!(prompts.phrases(&label).iter().all(|phrase| prompts.count(phrase) == 1));
    }

    #[test]
    fn a_shared_name_is_told_apart_beside_the_bare_one() {
        let (bird, machine) = (crane("n1", "a bird"), crane("n2", "a machine"));
        let prompts = Prompts::new(&recipe("synonyms"), &[&bird, &machine]).unwrap();
        assert_eq!(prompts.of(&bird), ["a crane.", "a crane (a bird).", "a hoist."]);
        let digests = prompts.digests(&[&bird, &machine]);
        assert_ne!(digests[0], digests[1]);
    }
}
