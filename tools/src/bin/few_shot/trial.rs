//! One drawing of examples and test photographs.

use std::collections::HashSet;
use std::fmt;

use clipdex::labels::{Lesson, Method, Taught};
use rayon::prelude::*;

use crate::groups::Groups;

/// Accuracies of several trials.
#[derive(Clone, Copy, Default)]
pub struct Score {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Score {
    pub fn add(&mut self, accuracy: f64) {
        self.count += 1.0;
        self.sum += accuracy;
        self.squares += accuracy * accuracy;
    }
}

/// Mean and its standard error.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.sum / self.count;
        let variance = (self.squares / self.count - mean * mean).max(0.0);
        let error = (variance / self.count).sqrt();
        write!(f, "{mean:.3} +- {error:.4}")
    }
}

pub struct Trial<'a> {
    groups: &'a Groups,
    /// Places in the groups.
    classes: Vec<usize>,
    /// Of each class, which has its place as an item.
    lessons: Vec<Lesson>,
    /// The photographs that each class is taught by.
    examples: Vec<Vec<usize>>,
    /// Photographs, each with the place of its class.
    tests: Vec<(usize, usize)>,
    /// All other photographs.
    others: Vec<usize>,
    backdrop: Vec<Vec<f32>>,
}

impl<'a> Trial<'a> {
    /// Draws `tests` photographs and then `shots` examples of each of `classes`. The backdrop is all other photographs.
    pub fn draw(
        groups: &'a Groups,
        classes: &[usize],
        shots: usize,
        tests: usize,
        seed: u64,
        no_backdrop: bool,
    ) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (mut examples, mut tested, mut used) = (Vec::new(), Vec::new(), HashSet::new());
        for (place, class) in classes.iter().enumerate() {
            let mut photos = groups.classes[*class].photos.clone();
            random.shuffle(&mut photos);
            photos.truncate(tests + shots);
            used.extend(photos.iter().copied());
            examples.push(photos.split_off(tests));
            tested.extend(photos.into_iter().map(|photo| (place, photo)));
        }
        let others: Vec<usize> = (0..groups.photos()).filter(|photo| !used.contains(photo)).collect();
        let backdrop = if no_backdrop { &[] } else { others.as_slice() };
        Self {
            groups,
            classes: classes.to_vec(),
            lessons: lessons(groups, classes, &examples),
            examples,
            tests: tested,
            backdrop: backdrop.iter().map(|photo| groups.vectors[*photo].clone()).collect(),
            others,
        }
    }

    pub fn zero_shot(&self) -> f64 {
        self.accuracy(&Taught::default())
    }

    pub fn taught(&self, method: Method) -> f64 {
        self.accuracy(&Taught::new(method, &self.lessons, &self.backdrop, &self.texts()))
    }

    /// Prototypes, where one class has examples and the others have none; the mean over the classes.
    pub fn taught_alone(&self) -> f64 {
        let texts = self.texts();
        let lessons = self.lessons.chunks(1);
        let taught = lessons.map(|one| Taught::new(Method::Prototype, one, &self.backdrop, &texts));
        let accuracies: Vec<f64> = taught.map(|taught| self.accuracy(&taught)).collect();
        accuracies.iter().sum::<f64>() / accuracies.len() as f64
    }

    /// Prototypes, where one class is taught under a name that says nothing, beside the labels of a bank: the share of its
    /// photographs that get that name before any of the bank's, and the share of all others that do.
    pub fn taught_to(&self, bank: &StrangeBank) -> [f64; 2] {
        let mut shares = [0.0; 2];
        for (class, lesson) in self.lessons.iter().enumerate() {
            let lesson = Lesson {
                text: bank.stranger.clone(),
                rival: mean(self.examples[class].iter().map(|photo| bank.best[*photo])),
                ..lesson.clone()
            };
            let taught = Taught::new(Method::Prototype, &[lesson], &self.backdrop, &bank.texts);
            let named = |photo: usize| {
                let image = &self.groups.vectors[photo];
                let mut cosine = [dot(&bank.stranger, image)];
                taught.adjust(image, &[class as u64], &mut cosine);
                f32::from(u8::from(cosine[0] > bank.best[photo]))
            };
            let (own, others): (Vec<_>, Vec<_>) = self.tests.iter().partition(|(of, _)| *of == class);
            let of_class = &self.groups.classes[self.classes[class]].photos;
            let unused = self.others.iter().filter(|photo| !of_class.contains(photo));
            let others = others.iter().map(|(_, photo)| photo).chain(unused).copied();
            shares[0] += f64::from(mean(own.iter().map(|(_, photo)| named(*photo))));
            shares[1] += f64::from(mean(others.map(named)));
        }
        shares.map(|share| share / self.lessons.len() as f64)
    }

    fn texts(&self) -> Vec<Vec<f32>> {
        self.lessons.iter().map(|lesson| lesson.text.clone()).collect()
    }

    fn accuracy(&self, taught: &Taught) -> f64 {
        let items: Vec<u64> = self.lessons.iter().map(|lesson| lesson.label).collect();
        let right = self.tests.iter().filter(|(class, photo)| {
            let image = &self.groups.vectors[*photo];
            let mut cosines: Vec<f32> = self.lessons.iter().map(|lesson| dot(&lesson.text, image)).collect();
            taught.adjust(image, &items, &mut cosines);
            let best = cosines.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.is_some_and(|(best, _)| best == *class)
        });
        right.count() as f64 / self.tests.len() as f64
    }
}

/// What each class is taught by; an item is a place among `classes`.
fn lessons(groups: &Groups, classes: &[usize], examples: &[Vec<usize>]) -> Vec<Lesson> {
    let texts: Vec<&[f32]> = classes
        .iter()
        .map(|class| groups.classes[*class].text.as_slice())
        .collect();
    let lesson = |(place, photos): (usize, &Vec<usize>)| {
        let examples: Vec<Vec<f32>> = photos.iter().map(|photo| groups.vectors[*photo].clone()).collect();
        let rivals = [&texts[..place], &texts[place + 1..]].concat();
        Lesson {
            label: place as u64,
            text: texts[place].to_vec(),
            rival: mean(examples.iter().map(|example| best_cosine(&rivals, example))),
            examples,
        }
    };
    examples.iter().enumerate().map(lesson).collect()
}

/// Labels of a bank that show how texts lie to images, as many as the program takes.
const TEXTS: usize = 256;

/// A large bank, and a name that says nothing of what is taught by it.
pub struct StrangeBank {
    /// Unit vectors of some of its labels.
    texts: Vec<Vec<f32>>,
    /// Unit vector of the name.
    stranger: Vec<f32>,
    /// The best cosine that a label has with each photograph.
    best: Vec<f32>,
}

impl StrangeBank {
    pub fn new(texts: Vec<Vec<f32>>, stranger: Vec<f32>, groups: &Groups) -> Self {
        let best = groups
            .vectors
            .par_iter()
            .map(|image| best_cosine(&texts, image))
            .collect();
        let every = texts.len().div_ceil(TEXTS).max(1);
        let texts = texts.into_iter().step_by(every).collect();
        Self { texts, stranger, best }
    }
}

fn best_cosine(texts: &[impl AsRef<[f32]>], image: &[f32]) -> f32 {
    texts.iter().map(|text| dot(text.as_ref(), image)).fold(-1.0, f32::max)
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 20) % bound as u64) as usize
    }

    /// Fisher and Yates.
    fn shuffle(&mut self, values: &mut [usize]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last + 1);
            values.swap(last, other);
        }
    }
}
