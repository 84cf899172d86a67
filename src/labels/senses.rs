//! Telling labels of one name apart: the crane that is a wading bird, and the one that lifts things.

use std::collections::{HashMap, HashSet, VecDeque};

use super::source::WordNet;
use super::{Label, LabelError, Senses};

/// What is to be added to the names of those `labels` that share theirs with another, by their keys. One that nothing
/// tells from the others is not among them. Names that differ in the case of letters alone are shared, for most encoders
/// see no difference: a Cardigan is a dog, and a cardigan is not.
pub(super) fn tell_apart(labels: &[&Label], by: Senses) -> Result<HashMap<String, String>, LabelError> {
    let mut named: HashMap<String, Vec<&Label>> = HashMap::new();
    for label in labels {
        named.entry(label.name.to_lowercase()).or_default().push(label);
    }
    named.retain(|_, sharing| sharing.len() > 1);
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    match by {
        Senses::Off => Ok(HashMap::new()),
        Senses::Definition => Ok(named.into_values().flatten().filter_map(definition).collect()),
        Senses::Parent => {
            let ancestry = Ancestry::new(labels, named.values().flatten())?;
            Ok(named.values().flat_map(|group| ancestry.senses(group)).collect())
        }
    }
}

fn definition(label: &Label) -> Option<(String, String)> {
    let known = !label.definition.is_empty();
    known.then(|| (label.key().to_owned(), label.definition.clone()))
}

/// Where labels' parents are looked up: in their bank, and else among WordNet's nouns.
struct Ancestry<'a> {
    bank: HashMap<&'a str, &'a Label>,
    nouns: HashMap<String, Label>,
}

impl<'a> Ancestry<'a> {
    /// For `labels` of a bank, of which the ancestors of `wanted` will be asked for.
    fn new<'w>(labels: &[&'a Label], wanted: impl Iterator<Item = &'w &'w Label>) -> Result<Self, LabelError> {
        let bank: HashMap<&str, &Label> = labels.iter().map(|label| (label.key(), *label)).collect();
        let mut wordnet = WordNet::default();
        let mut nouns: HashMap<String, Label> = HashMap::new();
        let mut seen = HashSet::new();
        let mut queue: Vec<String> = wanted.flat_map(|label| label.parents.clone()).collect();
        while let Some(key) = queue.pop() {
            if !seen.insert(key.clone()) {
                continue;
            }
            if let Some(label) = bank.get(key.as_str()) {
                queue.extend(label.parents.iter().cloned());
            } else if let Some(noun) = wordnet.label(&key)? {
                queue.extend(noun.parents.iter().cloned());
                nouns.insert(key, noun);
            }
        }
        Ok(Self { bank, nouns })
    }

    fn get(&self, key: &str) -> Option<&Label> {
        self.bank.get(key).copied().or_else(|| self.nouns.get(key))
    }

    /// Everything that a label is a kind of, the nearest first.
    fn walk<'s>(&'s self, label: &'s Label) -> Vec<Ancestor<'s>> {
        let mut seen = HashSet::from([label.key()]);
        let mut queue: VecDeque<&str> = label.parents.iter().map(String::as_str).collect();
        let mut ancestors = Vec::new();
        while let Some(key) = queue.pop_front() {
            if !seen.insert(key) {
                continue;
            }
            let label = self.get(key);
            queue.extend(label.into_iter().flat_map(|label| &label.parents).map(String::as_str));
            ancestors.push(Ancestor { key, label });
        }
        ancestors
    }

    /// For each label of a group its nearest ancestor whose name none of the others has among its own; else its
    /// definition.
    fn senses(&self, group: &[&Label]) -> Vec<(String, String)> {
        let names: Vec<Vec<&str>> = group.iter().map(|label| self.names_above(label)).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for names in &names {
            let different: HashSet<&str> = names.iter().copied().collect();
            for name in different {
                *counts.entry(name).or_default() += 1;
            }
        }
        let sense = |(label, names): (&&Label, &Vec<&str>)| {
            let shared = label.name.to_lowercase();
            let own = |name: &&&str| name.to_lowercase() != shared && counts.get(*name) == Some(&1);
            match names.iter().find(own) {
                Some(name) => Some((label.key().to_owned(), (*name).to_owned())),
                None => definition(label),
            }
        };
        group.iter().zip(&names).filter_map(sense).collect()
    }

    fn names_above<'s>(&'s self, label: &'s Label) -> Vec<&'s str> {
        let names = self.walk(label).into_iter().filter_map(|ancestor| ancestor.name());
        names.collect()
    }
}

/// Something that a label is a kind of; `label` is missing where neither the bank nor WordNet knows it.
struct Ancestor<'a> {
    key: &'a str,
    label: Option<&'a Label>,
}

impl<'a> Ancestor<'a> {
    /// Parents that are known nowhere are names themselves, but for identifiers.
    fn name(&self) -> Option<&'a str> {
        match self.label {
            Some(label) => Some(&label.name),
            None => (!is_synset(self.key)).then_some(self.key),
        }
    }
}

/// Whether this is an identifier of WordNet's, such as n02012849.
fn is_synset(key: &str) -> bool {
    key.strip_prefix('n')
        .is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(id: &str, name: &str, parents: &[&str]) -> Label {
        Label {
            id: id.into(),
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            definition: format!("defined as {id}"),
            ..Label::named(name)
        }
    }

    fn senses(labels: &[Label], by: Senses) -> Vec<(String, String)> {
        let labels: Vec<&Label> = labels.iter().collect();
        let mut senses: Vec<_> = tell_apart(&labels, by).unwrap().into_iter().collect();
        senses.sort();
        senses
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn parents_that_the_bank_lacks_are_wordnets() {
        let cranes = [
            label("n02012849", "crane", &["n02000954"]),
            label("n03126707", "crane", &["n03664675"]),
            label("n02084071", "dog", &["n02083346"]),
        ];
        let told = [("n02012849", "wading bird"), ("n03126707", "lifting device")];
        assert_eq!(senses(&cranes, Senses::Parent), expected(&told));
        assert_eq!(senses(&cranes, Senses::Off), []);
    }

    #[test]
    fn the_case_of_letters_tells_nothing() {
        let labels = [
            label("n02113186", "Cardigan", &["n02112826"]),
            label("n02963159", "cardigan", &["n04370048"]),
        ];
        let told = [("n02113186", "corgi"), ("n02963159", "sweater")];
        assert_eq!(senses(&labels, Senses::Parent), expected(&told));
    }

    #[test]
    fn a_parent_that_the_others_have_tells_nothing() {
        let labels = [
            label("animal", "animal", &[]),
            label("bird", "bird", &["animal"]),
            label("a", "crane", &["animal"]),
            label("b", "crane", &["bird"]),
            label("c", "crane", &["machine for lifting"]),
        ];
        let told = [("a", "defined as a"), ("b", "bird"), ("c", "machine for lifting")];
        assert_eq!(senses(&labels, Senses::Parent), expected(&told));
        let told = [("a", "defined as a"), ("b", "defined as b"), ("c", "defined as c")];
        assert_eq!(senses(&labels, Senses::Definition), expected(&told));
    }

    #[test]
    fn circles_end_and_what_nothing_tells_apart_stays() {
        let mut labels = [label("a", "x", &["b"]), label("b", "x", &["a"])];
        for label in &mut labels {
            label.definition.clear();
        }
        assert_eq!(senses(&labels, Senses::Parent), []);
    }
}
