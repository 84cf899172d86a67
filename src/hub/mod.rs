//! The Hugging Face hub: what names a repository, where its files lie on this machine, and how they come here.
//!
//! Knows nothing of encoders: whoever asks for a repository says which of its files it wants. The files lie in the cache
//! that Python's huggingface_hub uses, in its layout, so that either program finds what the other fetched. Only this room
//! uses the network, and only [`download`] does: finding a snapshot asks nobody.

mod cache;
mod download;
mod environment;
mod error;
mod id;
mod part;
mod transfer;

pub use cache::snapshot;
pub use download::download;
pub use error::HubError;
pub use id::HubId;

/// What is told of a download while it goes on.
pub trait Observer {
    /// A file of so many bytes is next.
    fn started(&self, file: &str, bytes: u64);
    /// So many bytes of that file are here. The number falls where the file is begun anew.
    fn progressed(&self, bytes: u64);
    /// The file is here and checked.
    fn finished(&self);
    /// Whether to stop soon: what is here is kept, and the next download goes on from it.
    fn cancelled(&self) -> bool;
}
