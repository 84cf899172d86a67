//! A hub of a few files on this machine, which misbehaves as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether it asks for the bytes of `file`.
    pub fn fetches(&self, file: &str) -> bool {
        self.method == "GET" && self.path.ends_with(&format!("/{file}"))
    }
}

/// How the server behaves.
#[derive(Default)]
pub struct Behaviour {
    /// Bytes of the next bodies of weights after which the connection breaks, first first.
    pub breaks: Vec<usize>,
    /// Whether it answers with status 503 once nothing is left of `breaks`.
    pub down_after_breaks: bool,
    /// Whether it sends the whole file whatever part is asked for.
    pub ignores_ranges: bool,
    /// How many of the next bodies of weights have a wrong byte.
    pub corrupts: usize,
    /// The only status that it answers with.
    pub status: Option<u16>,
    /// The token without which it shows nothing.
    pub token: Option<String>,
    /// Where it sends those who want weights.
    pub storage: Option<String>,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    behaviour: Behaviour,
    requests: Vec<Request>,
}

/// The server; it ends with the tests.
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// With these files, in every repository that is asked for, at [`COMMIT`].
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            files: files.into_iter().collect(),
            behaviour,
            requests: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A client that goes away is no failure of the test.
                thread::spawn(move || stream.and_then(|stream| answer(&stream, &shared)));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how it behaves.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// What was asked since this was last called.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn answer(mut stream: &TcpStream, shared: &Mutex<State>) -> std::io::Result<()> {
    let Some(request) = read(stream)? else { return Ok(()) };
    let reply = shared.lock().unwrap().reply(&request);
    let mut head = format!("HTTP/1.1 {} -\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", reply.body.len());
    stream.write_all(head.as_bytes())?;
    if request.method == "GET" {
        let sent = reply.sent.min(reply.body.len());
        stream.write_all(&reply.body[..sent])?;
    }
    stream.flush()
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Ok(Some(Request { method, path, headers }))
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body after which the connection breaks.
    sent: usize,
}

impl Reply {
    fn new(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        let sent = body.len();
        Self {
            status,
            headers,
            body,
            sent,
        }
    }
}

impl State {
    fn reply(&mut self, request: &Request) -> Reply {
        self.requests.push(request.clone());
        let empty = |status| Reply::new(status, vec![], vec![]);
        if let Some(status) = self.behaviour.status {
            return empty(status);
        }
        if let Some(token) = &self.behaviour.token
            && request.header("authorization") != Some(&format!("Bearer {token}"))
        {
            return empty(401);
        }
        if request.path.starts_with("/api/models/") {
            let files: Vec<_> = self.files.keys().map(|name| json!({"rfilename": name})).collect();
            let body = json!({"sha": COMMIT, "siblings": files}).to_string();
            return Reply::new(
                200,
                vec![("Content-Type", "application/json".to_owned())],
                body.into_bytes(),
            );
        }
        let name = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let Some(content) = self.files.get(&name).cloned() else {
            return empty(404);
        };
        if !name.ends_with(".safetensors") {
            return Reply::new(
                200,
                vec![("ETag", format!("W/\"{}-1\"", name.replace('.', "-")))],
                content,
            );
        }
        self.weights(request, content)
    }

    /// A large file: the hub states its SHA-256, and leads to where it is.
    fn weights(&mut self, request: &Request, mut content: Vec<u8>) -> Reply {
        let sha256: String = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut headers = vec![
            ("X-Repo-Commit", COMMIT.to_owned()),
            ("X-Linked-Etag", format!("\"{sha256}\"")),
            ("X-Linked-Size", content.len().to_string()),
            ("ETag", "\"storage\"".to_owned()),
        ];
        let behaviour = &mut self.behaviour;
        if let Some(storage) = &behaviour.storage {
            headers.push(("Location", format!("{storage}{}", request.path)));
            return Reply::new(302, headers, vec![]);
        }
        if request.method == "HEAD" {
            return Reply::new(200, headers, content);
        }
        if behaviour.corrupts > 0 {
            behaviour.corrupts -= 1;
            content[1000] ^= 1;
        }
        let start = request.header("range").and_then(|range| range.strip_prefix("bytes="));
        let start = start.and_then(|range| range.strip_suffix('-')?.parse().ok());
        let mut reply = match start {
            Some(start) if !behaviour.ignores_ranges => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                headers.push(("Content-Range", range));
                Reply::new(206, headers, content.split_off(start))
            }
            _ => Reply::new(200, headers, content),
        };
        if !behaviour.breaks.is_empty() {
            reply.sent = behaviour.breaks.remove(0);
            if behaviour.breaks.is_empty() && behaviour.down_after_breaks {
                behaviour.status = Some(503);
            }
        }
        reply
    }
}
