//! How one file comes here over HTTP.
//!
//! hf-hub's own downloads are not used: they show the token to the host that a file is redirected to, append to what is
//! here whatever a server sends, take every content for what its name says, and panic on some answers.

use std::io::{self, Read};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use ureq::http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION, RANGE};
use ureq::http::{HeaderMap, HeaderName, StatusCode, Uri};
use ureq::typestate::WithoutBody;
use ureq::{Agent, RequestBuilder};

use super::Observer;
use super::part::Part;

/// Failures in a row, without a byte gained between them, that are borne.
const RETRIES: u32 = 3;
/// The first pause after a failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest time that an answer, or the next bytes of one, may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most redirects within the hub, as for a repository that was renamed.
const REDIRECTS: usize = 5;

/// Why something did not come.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server refused with this status.
    Status(u16),
    /// The connection could not be made or broke off.
    Broken(String),
    /// The answer makes no sense.
    Answer(String),
    /// The content is not what the hub says that it is, twice.
    Corrupt,
    /// The file cannot be written.
    Disk(PathBuf, io::Error),
    /// The user asked to stop.
    Cancelled,
}

impl Fault {
    /// Whether trying again may help.
    fn passes(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 429 | 500..),
            Self::Broken(_) => true,
            _ => false,
        }
    }
}

impl From<ureq::Error> for Fault {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::StatusCode(status) => Self::Status(status),
            ureq::Error::Http(_) | ureq::Error::BadUri(_) | ureq::Error::Json(_) => Self::Answer(error.to_string()),
            other => Self::Broken(other.to_string()),
        }
    }
}

/// Calls `attempt` until it succeeds, fails for good, or has failed too often.
pub(super) fn retrying<T>(mut attempt: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut failures = 0;
    loop {
        match attempt() {
            Err(fault) if fault.passes() && failures < RETRIES => pause(&mut failures),
            result => return result,
        }
    }
}

fn pause(failures: &mut u32) {
    thread::sleep(PAUSE * 2_u32.pow(*failures));
    *failures += 1;
}

/// What the hub says of a file.
pub(super) struct Remote {
    url: Uri,
    /// Whether it lies with the hub itself, which alone may see the token.
    own: bool,
    /// Its name among the contents of the cache.
    pub etag: String,
    /// Its length in bytes.
    pub size: u64,
}

/// Asks one hub.
pub(super) struct Client {
    agent: Agent,
    token: Option<String>,
}

impl Client {
    /// For the hub at `endpoint`; the token is shown to it alone.
    pub fn new(endpoint: &str, token: Option<String>) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("clipdex/", env!("CARGO_PKG_VERSION")))
            .https_only(endpoint.starts_with("https://"))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE));
        let agent = config.build().into();
        Self { agent, token }
    }

    /// Asks what there is at `url`. Redirects are followed as long as they stay with the hub: it names commit, etag and
    /// size, the servers behind it do not.
    pub fn look(&self, url: &str) -> Result<Remote, Fault> {
        let mut url = parse(url)?;
        for _ in 0..=REDIRECTS {
            let request = self.agent.head(&url).config().max_redirects(0).build();
            let answer = self.plain(request, true).call()?;
            let (status, headers) = (answer.status(), answer.headers());
            if !status.is_redirection() {
                return remote(headers, url, true);
            }
            let location =
                text(headers, &LOCATION).ok_or_else(|| Fault::Answer("a redirect leads nowhere".to_owned()))?;
            let next = if location.starts_with('/') && !location.starts_with("//") {
                parse(&format!("{}{location}", origin(&url)))?
            } else {
                parse(location)?
            };
            if origin(&next) != origin(&url) {
                return remote(headers, next, false);
            }
            url = next;
        }
        Err(Fault::Answer("the redirects have no end".to_owned()))
    }

    /// Brings what `remote` describes to its place `blob`, going on from what is here of it. `url` is its address at the
    /// hub, to be asked again after a failure: addresses elsewhere are valid for a while only.
    pub fn fetch(&self, url: &str, remote: Remote, blob: PathBuf, observer: &dyn Observer) -> Result<(), Fault> {
        let etag = remote.etag.clone();
        let mut part = Part::open(&blob).map_err(|error| Fault::Disk(blob.clone(), error))?;
        let (mut known, mut failures, mut again) = (Some(remote), 0, false);
        loop {
            let before = part.len();
            let remote = known.take().map_or_else(|| self.look(url), Ok);
            match remote.and_then(|remote| self.receive(&remote, &mut part, observer)) {
                Ok(()) if part.is(&etag) => break,
                Ok(()) if again => {
                    part.remove().map_err(|error| Fault::Disk(blob, error))?;
                    return Err(Fault::Corrupt);
                }
                Ok(()) => {
                    part.restart().map_err(|error| Fault::Disk(blob.clone(), error))?;
                    again = true;
                }
                Err(fault) if !fault.passes() => return Err(fault),
                Err(_) if part.len() > before => failures = 0,
                Err(fault) if failures == RETRIES => return Err(fault),
                Err(_) => pause(&mut failures),
            }
        }
        part.finish(&blob).map_err(|error| Fault::Disk(blob, error))
    }

    /// Receives what is missing.
    fn receive(&self, remote: &Remote, part: &mut Part, observer: &dyn Observer) -> Result<(), Fault> {
        let path = part.path().to_owned();
        let disk = |error| Fault::Disk(path.clone(), error);
        if part.len() > remote.size {
            part.restart().map_err(disk)?;
        }
        observer.progressed(part.len());
        if part.len() == remote.size {
            return Ok(());
        }
        let mut request = self.plain(self.agent.get(&remote.url), remote.own);
        if part.len() > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.len()));
        }
        let answer = match request.call() {
            Err(ureq::Error::StatusCode(status)) if status == StatusCode::RANGE_NOT_SATISFIABLE => {
                part.restart().map_err(disk)?;
                return Err(Fault::Broken("the server has no such part of the file".to_owned()));
            }
            answer => answer?,
        };
        // A server that does not know ranges sends everything.
        if answer.status() != StatusCode::PARTIAL_CONTENT || range_start(answer.headers()) != Some(part.len()) {
            if answer.status() == StatusCode::PARTIAL_CONTENT {
                return Err(Fault::Answer(
                    "the server sent another part of the file than asked for".to_owned(),
                ));
            }
            part.restart().map_err(disk)?;
        }
        let mut body = answer.into_body().into_reader().take(remote.size + 1 - part.len());
        let mut buffer = vec![0; 1 << 18];
        loop {
            if observer.cancelled() {
                return Err(Fault::Cancelled);
            }
            let read = body
                .read(&mut buffer)
                .map_err(|error| Fault::Broken(error.to_string()))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            part.append(bytes).map_err(disk)?;
            observer.progressed(part.len());
        }
        match part.len() == remote.size {
            true => Ok(()),
            false => Err(Fault::Broken(format!("{} of {} bytes came", part.len(), remote.size))),
        }
    }

    /// A request for the bytes as they are, with the token where the address is the hub's own.
    fn plain(&self, request: RequestBuilder<WithoutBody>, own: bool) -> RequestBuilder<WithoutBody> {
        let request = request.header(ACCEPT_ENCODING, "identity");
        match &self.token {
            Some(token) if own => request.header(AUTHORIZATION, format!("Bearer {token}")),
            _ => request,
        }
    }
}

/// Reads what the hub says of a file; `x-linked-` headers are about the file behind a redirect.
fn remote(headers: &HeaderMap, url: Uri, own: bool) -> Result<Remote, Fault> {
    let linked = |name, plain| text(headers, &HeaderName::from_static(name)).or_else(|| text(headers, &plain));
    let missing = |what: &str| Fault::Answer(format!("the server does not state a file's {what}"));
    let etag = linked("x-linked-etag", ETAG).ok_or_else(|| missing("etag"))?;
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let size = linked("x-linked-size", CONTENT_LENGTH).and_then(|size| size.parse().ok());
    // It becomes the name of a file.
    let plain =
        (1..=128).contains(&etag.len()) && etag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match plain {
        true => Ok(Remote {
            url,
            own,
            etag: etag.to_owned(),
            size: size.ok_or_else(|| missing("size"))?,
        }),
        false => Err(Fault::Answer(format!("the server states an impossible etag, {etag:?}"))),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn parse(url: &str) -> Result<Uri, Fault> {
    url.parse()
        .map_err(|error| Fault::Answer(format!("'{url}' is no address: {error}")))
}

/// Scheme, host and port.
fn origin(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}").to_ascii_lowercase()
}

/// Where the bytes of a partial answer begin: `bytes START-END/SIZE`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn look_at(pairs: &[(&'static str, &str)]) -> Result<(String, u64), Fault> {
        remote(&headers(pairs), Uri::from_static("http://h/f"), true).map(|remote| (remote.etag, remote.size))
    }

    #[test]
    fn the_file_behind_a_redirect_counts() {
        let small = look_at(&[("etag", "W/\"abc-1\""), ("content-length", "7")]);
        assert_eq!(small.unwrap(), ("abc-1".to_owned(), 7));
        let large = [
            ("etag", "\"page\""),
            ("content-length", "99"),
            ("x-linked-etag", "\"file\""),
            ("x-linked-size", "5"),
        ];
        assert_eq!(look_at(&large).unwrap(), ("file".to_owned(), 5));
    }

    #[test]
    fn what_cannot_be_named_or_measured_is_refused() {
        for etag in ["", "\"\"", "../../x", "a/b", ".", "a.part", &"a".repeat(129)] {
            let result = look_at(&[("etag", etag), ("content-length", "7")]);
            assert!(matches!(result, Err(Fault::Answer(_))), "{etag:?}");
        }
        assert!(look_at(&[("etag", "\"a\"")]).is_err());
        assert!(look_at(&[("etag", "\"a\""), ("content-length", "-1")]).is_err());
        assert!(look_at(&[("content-length", "7")]).is_err());
    }

    #[test]
    fn origins_differ_by_scheme_host_and_port() {
        let origin = |url: &str| origin(&url.parse().unwrap());
        assert_eq!(origin("http://Hub:80/a?b"), origin("http://hub:80/c"));
        for other in [
            "https://hub:80/a",
            "http://hub/a",
            "http://hub.evil:80/a",
            "http://user@hub:80/a",
        ] {
            assert_ne!(origin("http://hub:80/a"), origin(other));
        }
    }

    #[test]
    fn ranges_are_read() {
        let start = |value| range_start(&headers(&[("content-range", value)]));
        assert_eq!(start("bytes 5-9/10"), Some(5));
        assert_eq!(start("bytes */10"), None);
        assert_eq!(start("lines 5-9/10"), None);
    }
}
