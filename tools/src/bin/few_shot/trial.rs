//! One drawing of examples and test photographs.

use std::collections::HashSet;
use std::fmt;

use clipdex::labels::{Lesson, Method, Taught};

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
    /// Of each class, which has its place as an item.
    lessons: Vec<Lesson>,
    /// Photographs, each with the place of its class.
    tests: Vec<(usize, &'a [f32])>,
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
        let mut trial = Self {
            lessons: Vec::new(),
            tests: Vec::new(),
            backdrop: Vec::new(),
        };
        let mut used = HashSet::new();
        for (place, class) in classes.iter().enumerate() {
            let class = &groups.classes[*class];
            let mut photos = class.photos.clone();
            random.shuffle(&mut photos);
            let (tested, rest) = photos.split_at(tests);
            let examples = &rest[..shots];
            trial
                .tests
                .extend(tested.iter().map(|photo| (place, groups.vectors[*photo].as_slice())));
            trial.lessons.push(Lesson {
                label: place as u64,
                text: class.text.clone(),
                examples: examples.iter().map(|photo| groups.vectors[*photo].clone()).collect(),
            });
            used.extend(tested.iter().chain(examples).copied());
        }
        if !no_backdrop {
            let others = groups
                .vectors
                .iter()
                .enumerate()
                .filter(|(photo, _)| !used.contains(photo));
            trial.backdrop = others.map(|(_, vector)| vector.clone()).collect();
        }
        trial
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

    fn texts(&self) -> Vec<Vec<f32>> {
        self.lessons.iter().map(|lesson| lesson.text.clone()).collect()
    }

    fn accuracy(&self, taught: &Taught) -> f64 {
        let items: Vec<u64> = self.lessons.iter().map(|lesson| lesson.label).collect();
        let right = self.tests.iter().filter(|(class, image)| {
            let mut cosines: Vec<f32> = self.lessons.iter().map(|lesson| dot(&lesson.text, image)).collect();
            taught.adjust(image, &items, &mut cosines);
            let best = cosines.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.is_some_and(|(best, _)| best == *class)
        });
        right.count() as f64 / self.tests.len() as f64
    }
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
