use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::encoder::EncoderError;
use crate::library::LibraryError;
use crate::picture::PictureError;

/// Why labels could not be read, stored or used.
#[derive(Debug, Error)]
pub enum LabelError {
    /// A file of labels or templates, or an example picture, cannot be opened or read.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of a file of labels or templates is not what its format asks for.
    #[error("'{file}', line {line}: {message}")]
    Syntax {
        /// The file, or the name of what is built in.
        file: String,
        /// Line, counted from 1.
        line: u64,
        /// What is wrong and what is expected.
        message: String,
    },
    /// The source holds no label at all.
    #[error("'{0}' holds no labels; a label file has one label a line, or tab-separated columns with a header")]
    Empty(String),
    /// There is no such built-in list.
    #[error("there is no built-in label list '{name}'; built in are {known}")]
    UnknownBuiltin {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is no such built-in set of templates.
    #[error("there are no built-in templates '{name}'; built in are {known}, and `none` is the bare name")]
    UnknownTemplates {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A file of templates holds none.
    #[error("'{0}' holds no templates; a file of templates has one a line, such as 'a photo of a {{}}.'")]
    NoTemplates(String),
    /// A word of the command line is none of those that there are.
    #[error("'{given}' is not known; known are {known}")]
    Choice {
        /// What was given.
        given: String,
        /// What there is.
        known: &'static str,
    },
    /// A bank's name holds characters that it may not.
    #[error("'{0}' cannot name a label bank; use letters, digits, '-', '_' and '.', at most 100 of them")]
    BadName(String),
    /// There is no bank of this name.
    #[error("there is no label bank '{name}' in this library; {known}")]
    UnknownBank {
        /// What was asked for.
        name: String,
        /// What there is, and how to add one.
        known: String,
    },
    /// The bank has no such label.
    #[error("bank '{bank}' has no label '{label}'; `clipdex label show {bank}` lists them")]
    UnknownLabel {
        /// The bank.
        bank: String,
        /// What was asked for.
        label: String,
    },
    /// Several labels of the bank have this name.
    #[error("'{name}' names several labels of bank '{bank}'; give one of their identifiers: {labels}")]
    AmbiguousLabel {
        /// The bank.
        bank: String,
        /// What was asked for.
        name: String,
        /// Their identifiers, with what each means.
        labels: String,
    },
    /// A label would have no name.
    #[error("label '{0}' cannot have an empty name; `clipdex label remove` removes it")]
    NoName(String),
    /// A label cannot get a name that another one is known by.
    #[error("bank '{bank}' already has a label '{label}'; remove it first, or choose another name")]
    LabelExists {
        /// The bank.
        bank: String,
        /// The name.
        label: String,
    },
    /// An example picture cannot be read, decoded or embedded.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A prompt template has no place for the label's name.
    #[error("the prompt template '{0}' has no '{{}}' where the label's name goes; an example is 'a photo of a {{}}.'")]
    Template(String),
    /// Images and labels come from different encoders.
    #[error("labels of {labels} dimensions cannot be compared with an image of {image}; use the same model for both")]
    Dimension {
        /// Dimensions of the labels' vectors.
        labels: usize,
        /// Dimensions of the image's vector.
        image: usize,
    },
    /// Labels are each other's ancestors.
    #[error(
        "the labels {0} are kinds of one another; take one out of the other's parents in the label file, and add it again"
    )]
    Cycle(String),
    /// A label has more ancestors than can be kept.
    #[error("the label '{label}' has more than {most} ancestors; check the parents in its label file")]
    TooDeep {
        /// The label.
        label: String,
        /// How many can be kept.
        most: usize,
    },
    /// No label or kind of labels is called so.
    #[error("the bank has no label '{0}', and none that is a kind of it; `clipdex label show` lists its labels")]
    UnknownNode(String),
    /// Several labels or kinds of labels are called so.
    #[error("'{name}' means several things; say which, by its identifier: {meanings}")]
    AmbiguousNode {
        /// What was asked for.
        name: String,
        /// Identifiers, with definitions.
        meanings: String,
    },
    /// The bank cannot be stored or read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The labels cannot be embedded.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
}

impl From<clipdex_index::IndexError> for LabelError {
    fn from(error: clipdex_index::IndexError) -> Self {
        Self::Library(error.into())
    }
}
