//! Photographs, grouped by what they are kinds of.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clipdex::encoder::Model;
use clipdex::labels::{Label, Recipe, embed_labels};
use clipdex::query::embed_file;
use rayon::prelude::*;

/// Unit vectors of photographs, and which classes they are of.
pub struct Groups {
    pub vectors: Vec<Vec<f32>>,
    pub classes: Vec<Class>,
}

pub struct Class {
    pub name: String,
    /// Unit vector of its name.
    pub text: Vec<f32>,
    /// Places of its photographs.
    pub photos: Vec<usize>,
}

impl Groups {
    /// A photograph is of the first of `classes` that its synset is, or is a kind of.
    pub fn read(dir: &Path, model: &Model, nouns: &[Label], classes: &[&str]) -> Result<Self> {
        let files = labelled_files(dir)?;
        let encoder = model.image_encoder()?;
        let vectors: Vec<Vec<f32>> = files
            .par_iter()
            .map(|(_, path)| Ok(embed_file(encoder.as_ref(), path)?))
            .collect::<Result<_>>()?;
        let nouns: HashMap<&str, &Label> = nouns.iter().map(|noun| (noun.id.as_str(), noun)).collect();
        let labels: Vec<Label> = classes
            .iter()
            .map(|id| {
                nouns
                    .get(id)
                    .map(|noun| Label::clone(noun))
                    .with_context(|| format!("no synset {id}"))
            })
            .collect::<Result<_>>()?;
        let texts = embed_labels(&labels, &Recipe::default(), model.text_encoder()?.as_ref())?;
        let mut groups: Vec<Class> = labels
            .into_iter()
            .zip(texts)
            .map(|(label, text)| Class {
                name: label.name,
                text,
                photos: Vec::new(),
            })
            .collect();
        for (place, (synset, _)) in files.iter().enumerate() {
            let above = ancestors(&nouns, synset);
            if let Some(class) = classes.iter().position(|class| above.contains(class)) {
                groups[class].photos.push(place);
            }
        }
        Ok(Self {
            vectors,
            classes: groups,
        })
    }

    pub fn photos(&self) -> usize {
        self.vectors.len()
    }

    pub fn in_classes(&self) -> usize {
        self.classes.iter().map(|class| class.photos.len()).sum()
    }

    pub fn describe(&self) {
        let counts: Vec<_> = self
            .classes
            .iter()
            .map(|class| format!("{} {}", class.name, class.photos.len()))
            .collect();
        println!("{}", counts.join(", "));
    }

    /// Classes with so many photographs.
    pub fn with_at_least(&self, photos: usize) -> Vec<usize> {
        let classes = self.classes.iter().enumerate();
        let enough = classes.filter(|(_, class)| class.photos.len() >= photos);
        enough.map(|(place, _)| place).collect()
    }
}

/// Photographs with the synsets that their names begin with, sorted.
fn labelled_files(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read '{}'", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((synset, _)) = name.split_once('_') {
            files.push((synset.to_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

/// A synset and everything that it is a kind of.
fn ancestors<'a>(nouns: &HashMap<&'a str, &'a Label>, synset: &'a str) -> HashSet<&'a str> {
    let mut above = HashSet::from([synset]);
    let mut open = vec![synset];
    while let Some(noun) = open.pop().and_then(|id| nouns.get(id)) {
        let new = noun
            .parents
            .iter()
            .map(String::as_str)
            .filter(|parent| above.insert(parent));
        open.extend(new);
    }
    above
}
