use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::Cache;
use hf_hub::api::RepoInfo;
use hf_hub::api::sync::{Api, ApiBuilder};

use super::cache::{RepositoryCache, repo};
use super::environment::Environment;
use super::id::is_commit;
use super::transfer::{Client, Fault, retrying};
use super::{HubError, HubId, Observer};

/// The longest time that the list of a repository's files may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fetches files of a repository into the cache and returns the directory that shows them. `choose` is given the names of
/// all its files and says which are wanted, in the order in which they are fetched, or why the repository is of no use.
///
/// All files are of one commit, whatever happens to the repository meanwhile. What is here is not fetched again, and a
/// download that broke off goes on from where it stopped.
///
/// # Errors
/// Every [`HubError`].
pub fn download(
    id: &HubId,
    choose: impl FnOnce(&[&str]) -> Result<Vec<String>, String>,
    observer: &dyn Observer,
) -> Result<PathBuf, HubError> {
    let environment = Environment::of_process();
    if environment.offline() {
        return Err(HubError::Offline(id.clone()));
    }
    let place = environment.cache()?;
    let hub = Hub {
        id,
        endpoint: environment.endpoint(),
        token: environment.token()?,
    };
    let cache = RepositoryCache::new(&place, id);
    let _lock = cache.lock(id)?;

    let info = hub.list(&place)?;
    let names: Vec<_> = info.siblings.iter().map(|file| file.rfilename.as_str()).collect();
    let unusable = |message| HubError::Unusable {
        id: id.clone(),
        message,
    };
    let files = choose(&names).map_err(unusable)?;
    cache.prepare(&info.sha)?;
    let client = Client::new(&hub.endpoint, hub.token.clone());
    for file in &files {
        let fetched = fetch(&client, &hub, &cache, &info.sha, file, observer);
        fetched.map_err(|fault| hub.error(fault, file))?;
    }
    cache.note_revision(&info.sha)?;
    Ok(cache.snapshot_of(&info.sha))
}

/// Makes `file` of the commit be in the cache.
fn fetch(
    client: &Client,
    hub: &Hub<'_>,
    cache: &RepositoryCache,
    commit: &str,
    file: &str,
    observer: &dyn Observer,
) -> Result<(), Fault> {
    if Path::new(file).file_name() != Some(file.as_ref()) {
        return Err(Fault::Answer(format!("'{file}' is no plain file name")));
    }
    let path = cache.snapshot_of(commit).join(file);
    if path.exists() {
        return Ok(());
    }
    let url = format!("{}/{}/resolve/{commit}/{file}", hub.endpoint, hub.id.repository());
    let remote = retrying(|| client.look(&url))?;
    let (etag, blob) = (remote.etag.clone(), cache.blob(&remote.etag));
    // The same content may be here as another commit's.
    if !blob.metadata().is_ok_and(|blob| blob.len() == remote.size) {
        observer.started(file, remote.size);
        client.fetch(&url, remote, blob, observer)?;
        observer.finished();
    }
    cache.link(commit, file, &etag).map_err(|error| match error {
        HubError::Disk { path, source } => Fault::Disk(path, source),
        other => Fault::Answer(other.to_string()),
    })
}

/// The hub, as it is asked for one repository.
struct Hub<'a> {
    id: &'a HubId,
    endpoint: String,
    token: Option<String>,
}

impl Hub<'_> {
    /// The commit that the revision is, and the names of its files.
    fn list(&self, cache: &Path) -> Result<RepoInfo, HubError> {
        let listed = self.api(cache).and_then(|api| {
            retrying(|| {
                let request = api.repo(repo(self.id)).info_request().config();
                let mut answer = request.timeout_global(Some(PATIENCE)).build().call()?;
                Ok(answer.body_mut().read_json::<RepoInfo>()?)
            })
        });
        let info = listed.map_err(|fault| self.error(fault, "the list of its files"))?;
        match is_commit(&info.sha) {
            true => Ok(info),
            // It becomes the name of a directory.
            false => Err(self.error(Fault::Answer(format!("'{}' is no commit", info.sha)), "")),
        }
    }

    fn api(&self, cache: &Path) -> Result<Api, Fault> {
        // `ApiBuilder::new` panics where there is no home directory.
        let builder = ApiBuilder::from_cache(Cache::new(cache.to_owned()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone());
        builder.build().map_err(|error| Fault::Answer(error.to_string()))
    }

    fn error(&self, fault: Fault, file: &str) -> HubError {
        let (id, endpoint) = (self.id.clone(), self.endpoint.clone());
        match fault {
            Fault::Status(401 | 403) => HubError::Denied {
                id,
                endpoint,
                with_token: self.token.is_some(),
            },
            Fault::Status(404 | 410) => HubError::NotFound(id, endpoint),
            Fault::Status(status @ (408 | 429 | 500..)) => HubError::Unreachable {
                id,
                endpoint,
                message: format!("the server answers with status {status}"),
            },
            Fault::Status(status) => HubError::Answer {
                id,
                endpoint,
                message: format!("the server answers with status {status}"),
            },
            Fault::Broken(message) => HubError::Unreachable { id, endpoint, message },
            Fault::Answer(message) => HubError::Answer { id, endpoint, message },
            Fault::Corrupt => HubError::Corrupt {
                id,
                file: file.to_owned(),
            },
            Fault::Disk(path, source) => HubError::Disk { path, source },
            Fault::Cancelled => HubError::Interrupted(id),
        }
    }
}
