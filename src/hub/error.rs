use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::HubId;

/// Why a repository could not be found or fetched.
#[derive(Debug, Error)]
pub enum HubError {
    /// The user has no home directory, so that there is no place for the cache.
    #[error("no home directory, hence no place for models from the hub; name one with HF_HOME")]
    NoHome,
    /// The token cannot be used.
    #[error("the Hugging Face token cannot be used: {0}; set HF_TOKEN, or remove the token")]
    Token(String),
    /// The user forbids requests.
    #[error("'{0}' would have to be fetched, and HF_HUB_OFFLINE forbids it; unset HF_HUB_OFFLINE and try again")]
    Offline(HubId),
    /// The hub knows no such repository or revision, or one of its files is gone.
    #[error("'{0}' does not exist on {1}; check the name and the revision")]
    NotFound(HubId, String),
    /// The hub shows the repository to some only.
    #[error(
        "{endpoint} does not show '{id}' {}; check the name, agree to its conditions on its page, and set HF_TOKEN to a \
         token of yours that may read it",
        if *.with_token { "to the owner of this token" } else { "without a token" }
    )]
    Denied {
        /// The repository.
        id: HubId,
        /// The hub.
        endpoint: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The hub cannot be reached, or breaks off again and again.
    #[error(
        "fetching '{id}' from {endpoint}: {message}; check the connection and try again, the download goes on from where \
         it stopped"
    )]
    Unreachable {
        /// The repository.
        id: HubId,
        /// The hub.
        endpoint: String,
        /// What went wrong.
        message: String,
    },
    /// What the hub answered makes no sense.
    #[error("fetching '{id}' from {endpoint}: {message}; is HF_ENDPOINT the address of a hub?")]
    Answer {
        /// The repository.
        id: HubId,
        /// The hub.
        endpoint: String,
        /// What is wrong with the answer.
        message: String,
    },
    /// A file is not what the hub says that it is.
    #[error(
        "fetching '{id}': {file} arrived damaged twice, its SHA-256 is not the one that the hub states, and it was \
         removed; something on the way changes it: try another network"
    )]
    Corrupt {
        /// The repository.
        id: HubId,
        /// The file.
        file: String,
    },
    /// The repository does not have the files that are wanted.
    #[error("'{id}' cannot be used: {message}")]
    Unusable {
        /// The repository.
        id: HubId,
        /// What it lacks.
        message: String,
    },
    /// Another process fetches the same repository.
    #[error("another process is fetching '{0}'; wait until it is done")]
    Busy(HubId),
    /// The user asked to stop.
    #[error("interrupted while fetching '{0}'; the next download goes on from where it stopped")]
    Interrupted(HubId),
    /// A file or directory of the cache cannot be read or written.
    #[error("'{}' cannot be written: {source}; make room there, or name another place with HF_HOME", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
