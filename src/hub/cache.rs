use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::environment::Environment;
use super::id::is_commit;
use super::{HubError, HubId};

/// The directory with the files of a repository, where some are on this machine; nobody is asked.
///
/// # Errors
/// [`HubError::NoHome`] where there is no place for a cache.
pub fn snapshot(id: &HubId) -> Result<Option<PathBuf>, HubError> {
    let cache = Environment::of_process().cache()?;
    Ok(RepositoryCache::new(&cache, id).snapshot())
}

/// The part of the cache that belongs to one repository: `blobs` holds the contents, `snapshots/COMMIT` a link to one for
/// each file, and `refs` the commit of each revision.
pub(super) struct RepositoryCache {
    layout: CacheRepo,
    dir: PathBuf,
    lock: PathBuf,
    revision: String,
}

impl RepositoryCache {
    /// That of `id` in the cache at `cache`, an absolute path.
    pub fn new(cache: &Path, id: &HubId) -> Self {
        let repo = repo(id);
        let folder = repo.folder_name();
        Self {
            dir: cache.join(&folder),
            // Beside huggingface_hub's own locks, out of the way of what lists the cache.
            lock: cache.join(".locks").join(folder),
            revision: id.revision().to_owned(),
            layout: Cache::new(cache.to_owned()).repo(repo),
        }
    }

    /// The directory of the revision's files, where it is known which those are.
    fn snapshot(&self) -> Option<PathBuf> {
        let commit = if is_commit(&self.revision) {
            self.revision.clone()
        } else {
            let commit = fs::read_to_string(self.dir.join("refs").join(&self.revision)).ok()?;
            commit.trim().to_owned()
        };
        // The name comes from a file, and must not lead out of the cache.
        let dir = is_commit(&commit).then(|| self.snapshot_of(&commit))?;
        dir.is_dir().then_some(dir)
    }

    /// The directory of a commit's files.
    pub fn snapshot_of(&self, commit: &str) -> PathBuf {
        self.layout.pointer_path(commit)
    }

    /// The place of the content that the hub calls `etag`.
    pub fn blob(&self, etag: &str) -> PathBuf {
        self.layout.blob_path(etag)
    }

    /// Makes the directories that a commit's files go to.
    pub fn prepare(&self, commit: &str) -> Result<(), HubError> {
        for dir in [self.snapshot_of(commit), self.dir.join("blobs")] {
            fs::create_dir_all(&dir).map_err(|source| HubError::Disk { path: dir, source })?;
        }
        Ok(())
    }

    /// Makes the content `etag` the file `file` of a commit.
    pub fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), HubError> {
        let path = self.snapshot_of(commit).join(file);
        let linked = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => link(&self.blob(etag), &Path::new("../../blobs").join(etag), &path),
        };
        linked.map_err(|source| HubError::Disk { path, source })
    }

    /// Notes that the revision is this commit. A commit is its own.
    pub fn note_revision(&self, commit: &str) -> Result<(), HubError> {
        if is_commit(&self.revision) {
            return Ok(());
        }
        let path = self.dir.join("refs");
        self.layout
            .create_ref(commit)
            .map_err(|source| HubError::Disk { path, source })
    }

    /// Keeps other processes of this program from fetching the same repository, until the result is dropped.
    pub fn lock(&self, id: &HubId) -> Result<File, HubError> {
        let path = self.lock.join("clipdex.lock");
        let file = fs::create_dir_all(&self.lock).and_then(|()| File::create(&path));
        let file = file.map_err(|source| HubError::Disk {
            path: path.clone(),
            source,
        })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(HubError::Busy(id.clone())),
            Err(TryLockError::Error(source)) => Err(HubError::Disk { path, source }),
        }
    }
}

/// The repository as hf-hub names it.
pub(super) fn repo(id: &HubId) -> Repo {
    Repo::with_revision(id.repository().to_owned(), RepoType::Model, id.revision().to_owned())
}

#[cfg(unix)]
fn link(_blob: &Path, relative: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, path)
}

/// Symbolic links need a privilege on Windows; where it is missing, huggingface_hub moves the content too.
#[cfg(not(unix))]
fn link(blob: &Path, _relative: &Path, path: &Path) -> io::Result<()> {
    fs::rename(blob, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn cache(dir: &Path, id: &str) -> RepositoryCache {
        RepositoryCache::new(dir, &HubId::parse(id).unwrap())
    }

    #[test]
    fn a_snapshot_is_found_by_revision_and_by_commit() {
        let dir = tempfile::tempdir().unwrap();
        let repository = cache(dir.path(), "o/n@refs/pr/15");
        assert_eq!(repository.snapshot(), None);
        repository.prepare(COMMIT).unwrap();
        fs::write(repository.blob("abc"), "content").unwrap();
        repository.link(COMMIT, "config.json", "abc").unwrap();
        repository.link(COMMIT, "config.json", "abc").unwrap();
        repository.note_revision(COMMIT).unwrap();

        let snapshot = dir.path().join("models--o--n/snapshots").join(COMMIT);
        assert_eq!(repository.snapshot().as_deref(), Some(snapshot.as_path()));
        assert_eq!(
            cache(dir.path(), &format!("o/n@{COMMIT}")).snapshot().unwrap(),
            snapshot
        );
        assert_eq!(cache(dir.path(), "o/n").snapshot(), None, "another revision");
        assert_eq!(fs::read_to_string(snapshot.join("config.json")).unwrap(), "content");
    }

    #[test]
    fn a_damaged_reference_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let repository = cache(dir.path(), "o/n");
        fs::create_dir_all(dir.path().join("models--o--n/refs")).unwrap();
        for content in ["", "..", "../../..", "/", COMMIT] {
            fs::write(dir.path().join("models--o--n/refs/main"), content).unwrap();
            assert_eq!(repository.snapshot(), None, "{content:?}");
        }
    }

    #[test]
    fn one_process_fetches_a_repository() {
        let dir = tempfile::tempdir().unwrap();
        let id = HubId::parse("o/n").unwrap();
        let repository = RepositoryCache::new(dir.path(), &id);
        let held = repository.lock(&id).unwrap();
        assert!(matches!(repository.lock(&id), Err(HubError::Busy(_))));
        assert!(cache(dir.path(), "o/m").lock(&id).is_ok(), "another repository is free");
        drop(held);
        repository.lock(&id).unwrap();
    }
}
