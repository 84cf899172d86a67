//! What a name stands for, and whether that is on this machine.

use std::path::{Path, PathBuf};

use super::super::checkpoint::{Checkpoint, wanted_files};
use super::super::{EncoderError, starter};
use super::known::{ModelInfo, PREFERRED_MODEL, models};
use crate::hub::{self, HubId, Observer};

/// What a name stands for.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    /// It is part of the program.
    BuiltIn,
    /// A directory of the user's.
    Directory(PathBuf),
    /// A repository of the hub, and the model's name wherever it lies.
    Hub { id: HubId, name: String },
}

impl Place {
    /// The place of `name`: a known model, a directory, or an id of the hub. An existing directory goes before an id of
    /// the same name, and a known model before a directory, which `./NAME` names.
    ///
    /// # Errors
    /// [`EncoderError::UnknownModel`] where it is none of these.
    pub(super) fn of(name: &str) -> Result<Self, EncoderError> {
        if name == starter::NAME {
            return Ok(Self::BuiltIn);
        }
        if let Some(place) = models().iter().find(|info| info.name == name).and_then(Self::of_known) {
            return Ok(place);
        }
        let path = Path::new(name);
        if path.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        if let Some(id) = HubId::parse(name) {
            return Ok(Self::of_id(id));
        }
        if name.contains(std::path::is_separator) {
            return Ok(Self::Directory(path.to_owned()));
        }
        Err(EncoderError::UnknownModel(name.to_owned()))
    }

    fn of_known(info: &ModelInfo) -> Option<Self> {
        Some(Self::Hub {
            id: HubId::parse(info.hub?)?,
            name: info.name.to_owned(),
        })
    }

    /// An id without a revision that is a known model's means that model, at the revision that can be used.
    fn of_id(id: HubId) -> Self {
        let same = |known: &HubId| {
            known.repository() == id.repository() && (id.any_revision() || known.revision() == id.revision())
        };
        let known = models().iter().filter_map(Self::of_known);
        let mut known = known.filter(|place| matches!(place, Self::Hub { id, .. } if same(id)));
        known.next().unwrap_or_else(|| Self::Hub {
            name: id.to_string(),
            id,
        })
    }
}

/// The files of the model `name` of the hub, where all are on this machine.
pub(super) fn on_machine(id: &HubId, name: &str) -> Result<Option<Checkpoint>, EncoderError> {
    let Some(dir) = hub::snapshot(id)? else { return Ok(None) };
    let checkpoint = Checkpoint::open(&dir)?.called(name);
    Ok(checkpoint.is_complete().then_some(checkpoint))
}

impl ModelInfo {
    /// Whether it can be used without being fetched.
    pub fn on_this_machine(&self) -> bool {
        match Place::of_known(self) {
            Some(Place::Hub { id, name }) => matches!(on_machine(&id, &name), Ok(Some(_))),
            _ => self.built_in(),
        }
    }
}

/// Name of the model that is used where none is asked for: the best balance where it is on this machine, and else the
/// built-in one.
pub fn default_model() -> &'static str {
    let preferred = models().iter().find(|info| info.name == PREFERRED_MODEL);
    preferred
        .filter(|info| info.on_this_machine())
        .map_or(starter::NAME, |info| info.name)
}

/// A model that is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: String,
    /// The directory of its files; none for what is part of the program.
    pub dir: Option<PathBuf>,
    /// Size of its files in bytes.
    pub size_bytes: u64,
    /// Whether it had to be fetched.
    pub fetched: bool,
}

/// Sees to it that [`Model::open`](super::Model::open) finds the model called `name`: fetches it where it is a known model
/// or one of the hub and is not on this machine. Where it is, nobody is asked, and nothing is brought up to date: vectors
/// of other weights could not be compared.
///
/// # Errors
/// [`EncoderError::UnknownModel`] where nothing can have this name; [`EncoderError::Hub`] where it cannot be fetched;
/// [`EncoderError::ModelFile`] where a file of it cannot be read.
pub fn ensure(name: &str, observer: &dyn Observer) -> Result<Present, EncoderError> {
    let present = |checkpoint: Checkpoint, fetched| {
        Ok(Present {
            name: checkpoint.name().to_owned(),
            dir: Some(checkpoint.dir().to_owned()),
            size_bytes: checkpoint.size()?,
            fetched,
        })
    };
    match Place::of(name)? {
        Place::BuiltIn => Ok(Present {
            name: name.to_owned(),
            dir: None,
            size_bytes: starter::INFO.size_bytes,
            fetched: false,
        }),
        Place::Directory(dir) => present(Checkpoint::open(&dir)?, false),
        Place::Hub { id, name } => match on_machine(&id, &name)? {
            Some(checkpoint) => present(checkpoint, false),
            None => {
                let dir = hub::download(&id, wanted_files, observer)?;
                present(Checkpoint::open(&dir)?.called(&name), true)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> (String, String) {
        match Place::of(name).unwrap() {
            Place::Hub { id, name } => (id.to_string(), name),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn a_known_model_has_one_name() {
        let id = "openai/clip-vit-base-patch32@refs/pr/15";
        for name in ["openai-vit-b-32", "openai/clip-vit-base-patch32", id] {
            assert_eq!(hub(name), (id.to_owned(), "openai-vit-b-32".to_owned()));
        }
        let other = "openai/clip-vit-base-patch32@main";
        assert_eq!(
            hub(other),
            (other.to_owned(), other.to_owned()),
            "another revision is another model"
        );
        assert_eq!(hub("org/name"), ("org/name".to_owned(), "org/name".to_owned()));
    }

    #[test]
    fn paths_are_directories() {
        for path in ["./a/b", "/a/b", "a/b/c", "../a", "a/", "src/encoder"] {
            assert_eq!(Place::of(path).unwrap(), Place::Directory(path.into()), "{path}");
        }
        assert!(matches!(Place::of("unheard-of"), Err(EncoderError::UnknownModel(_))));
        assert_eq!(Place::of("starter").unwrap(), Place::BuiltIn);
    }
}
