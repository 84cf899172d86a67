//! A place of its own for each test: photographs, a library, and the program.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Directories that vanish with the test.
pub struct Sandbox {
    dir: TempDir,
}

/// What one call of the program did.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    /// With an empty directory for photographs.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("photos")).unwrap();
        Self { dir }
    }

    /// With these sample photographs.
    pub fn with_samples(names: &[&str]) -> Self {
        let sandbox = Self::new();
        for name in names {
            fs::copy(sample(name), sandbox.photo(name)).unwrap();
        }
        sandbox
    }

    pub fn photos(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("photos")
    }

    pub fn photo(&self, name: &str) -> PathBuf {
        self.photos().join(name)
    }

    pub fn library(&self) -> PathBuf {
        self.dir.path().join("library")
    }

    /// A file beside the photographs.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Where models are fetched to.
    pub fn hub_home(&self) -> PathBuf {
        self.dir.path().join("huggingface")
    }

    /// Where derived files of models lie.
    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The program, on this sandbox's library and in its directory. It sees no model of the user's, and nothing of the
    /// user's settings for it, for the hub or for proxies.
    pub fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_clipdex"))
    }

    /// Runs `script` with bash, in which `$0` is the program and `$1` the library.
    #[cfg(unix)]
    pub fn script(&self, script: &str) -> Run {
        let mut bash = self.command_of("bash");
        bash.args(["-c", script, env!("CARGO_BIN_EXE_clipdex")])
            .arg(self.library());
        bash.output().unwrap().into()
    }

    fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_uppercase();
            if text.starts_with("HF_") || text.starts_with("CLIPDEX_") || text.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command
            .env("CLIPDEX_LIBRARY", self.library())
            .env("HF_HOME", self.hub_home())
            .env("CLIPDEX_CACHE", self.cache())
            .env("XDG_CACHE_HOME", self.dir.path().join("xdg-cache"))
            .current_dir(self.dir.path());
        command
    }

    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.command().args(args).output().unwrap().into()
    }

    /// Runs and expects success.
    pub fn ok<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    }

    /// Runs, expects success, and reads what it printed as JSON.
    pub fn json<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Indexes the photographs and returns the summary.
    pub fn index(&self) -> Value {
        self.json(["index", "photos", "--json"])[0].take()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A small PNG of its own for each number, made of a few colours.
pub fn picture(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let colours: [[u8; 3]; 16] = std::array::from_fn(|_| std::array::from_fn(|_| next()));
    let image = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb(colours[(x / 8 + y / 8 * 4) as usize]));
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// A photograph that the project ships.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// Counts of a summary, those that are not zero.
pub fn counts(summary: &Value) -> Vec<(&str, u64)> {
    let fields = summary.as_object().unwrap().iter();
    fields
        .filter_map(|(name, value)| Some((name.as_str(), value.as_u64().filter(|n| *n > 0)?)))
        .collect()
}
