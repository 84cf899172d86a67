use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::HubError;

/// Where the hub is, unless HF_ENDPOINT names a mirror.
const ENDPOINT: &str = "https://huggingface.co";

/// What the user has set for every program that uses the hub, under the names and with the defaults of huggingface_hub
/// (its documentation, "Environment variables"). A variable that is empty is not set.
pub(super) struct Environment {
    variable: fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self {
            variable: |name| std::env::var_os(name),
            home: etcetera::home_dir().ok(),
        }
    }

    /// The directory of the cache, absolute.
    ///
    /// # Errors
    /// [`HubError::NoHome`] where the user has no home directory and no variable says where the cache is.
    pub fn cache(&self) -> Result<PathBuf, HubError> {
        let dir = match self.path("HF_HUB_CACHE") {
            Some(dir) => dir,
            None => self.hf_home()?.join("hub"),
        };
        std::path::absolute(&dir).map_err(|source| HubError::Disk { path: dir, source })
    }

    /// The address of the hub, without a slash at its end.
    pub fn endpoint(&self) -> String {
        let endpoint = self.text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        endpoint.trim_end_matches('/').to_owned()
    }

    /// Whether the user forbids every request.
    pub fn offline(&self) -> bool {
        let value = self.text("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_lowercase();
        ["1", "true", "yes", "on"].contains(&value.as_str())
    }

    /// The token that says who asks; none where the user has none.
    ///
    /// # Errors
    /// [`HubError::Token`] where it cannot be read or cannot be sent.
    pub fn token(&self) -> Result<Option<String>, HubError> {
        let token = match (self.text("HF_TOKEN"), self.token_file()) {
            (Some(token), _) => token,
            (None, None) => return Ok(None),
            (None, Some(file)) => match fs::read_to_string(&file) {
                Ok(token) => token,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(HubError::Token(format!("'{}' cannot be read: {error}", file.display()))),
            },
        };
        let token = token.trim();
        match token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Some(token.to_owned()).filter(|token| !token.is_empty())),
            false => Err(HubError::Token("it has characters that no token has".to_owned())),
        }
    }

    fn token_file(&self) -> Option<PathBuf> {
        let in_home = || Some(self.hf_home().ok()?.join("token"));
        self.path("HF_TOKEN_PATH").or_else(in_home)
    }

    fn hf_home(&self) -> Result<PathBuf, HubError> {
        if let Some(dir) = self.path("HF_HOME") {
            return Ok(dir);
        }
        let cache = self.path("XDG_CACHE_HOME");
        let cache = cache.or_else(|| Some(self.home.as_ref()?.join(".cache")));
        Ok(cache.ok_or(HubError::NoHome)?.join("huggingface"))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    fn text(&self, name: &str) -> Option<String> {
        let value = (self.variable)(name)?.into_string().ok()?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn environment(variable: fn(&str) -> Option<OsString>) -> Environment {
        Environment {
            variable,
            home: Some(PathBuf::from("/home/u")),
        }
    }

    #[test]
    fn the_cache_is_where_huggingface_hub_looks() {
        type Case = (fn(&str) -> Option<OsString>, &'static str);
        let cases: [Case; 5] = [
            (|_| None, "/home/u/.cache/huggingface/hub"),
            (
                |name| (name == "XDG_CACHE_HOME").then(|| "/x".into()),
                "/x/huggingface/hub",
            ),
            (
                |name| name.starts_with("XDG").then(|| "".into()),
                "/home/u/.cache/huggingface/hub",
            ),
            (
                |name| matches!(name, "XDG_CACHE_HOME" | "HF_HOME").then(|| "/h".into()),
                "/h/hub",
            ),
            (
                |name| matches!(name, "HF_HOME" | "HF_HUB_CACHE").then(|| format!("/{name}").into()),
                "/HF_HUB_CACHE",
            ),
        ];
        for (variable, expected) in cases {
            assert_eq!(environment(variable).cache().unwrap(), Path::new(expected));
        }
    }

    #[test]
    fn without_a_home_directory_there_is_no_cache() {
        let homeless = |variable| Environment { variable, home: None };
        assert!(matches!(homeless(|_| None).cache(), Err(HubError::NoHome)));
        assert!(homeless(|_| None).token().unwrap().is_none());
        let named = homeless(|name| (name == "HF_HUB_CACHE").then(|| "/c".into()));
        assert_eq!(named.cache().unwrap(), Path::new("/c"));
    }

    #[test]
    fn offline_is_what_huggingface_hub_takes_for_true() {
        let on: [fn(&str) -> Option<OsString>; 5] = [
            |_| Some("1".into()),
            |_| Some("true".into()),
            |_| Some("YES".into()),
            |_| Some("On".into()),
            |_| Some(" 1 ".into()),
        ];
        assert!(on.into_iter().all(|variable| environment(variable).offline()));
        let off: [fn(&str) -> Option<OsString>; 4] = [
            |_| None,
            |_| Some("".into()),
            |_| Some("0".into()),
            |_| Some("no".into()),
        ];
        assert!(!off.into_iter().any(|variable| environment(variable).offline()));
    }

    #[test]
    fn the_token_is_the_variables_or_the_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), "hf_file\n").unwrap();
        let mut environment = Environment {
            variable: |name| (name == "HF_TOKEN").then(|| " hf_variable ".into()),
            home: Some(dir.path().to_owned()),
        };
        assert_eq!(environment.token().unwrap().as_deref(), Some("hf_variable"));
        environment.variable = |_| None;
        assert_eq!(
            environment.token().unwrap(),
            None,
            "the file does not lie in the home directory itself"
        );
        let home = dir.path().join(".cache/huggingface");
        fs::create_dir_all(&home).unwrap();
        fs::copy(dir.path().join("token"), home.join("token")).unwrap();
        assert_eq!(environment.token().unwrap().as_deref(), Some("hf_file"));
        environment.variable = |name| (name == "HF_TOKEN").then(|| "two words".into());
        let message = environment.token().unwrap_err().to_string();
        assert!(!message.contains("words"), "a token is a secret: {message}");
    }

    #[test]
    fn a_mirror_may_be_named() {
        assert_eq!(environment(|_| None).endpoint(), "https://huggingface.co");
        let mirror = environment(|name| (name == "HF_ENDPOINT").then(|| "http://127.0.0.1:80/".into()));
        assert_eq!(mirror.endpoint(), "http://127.0.0.1:80");
    }
}
