use std::fmt;

/// The most characters that the hub allows in a part of a name.
const LONGEST_PART: usize = 96;
/// The most characters of a revision; longer ones name no file on common systems.
const LONGEST_REVISION: usize = 200;

/// A model repository on the hub, at a revision: `org/name`, or `org/name@revision`.
///
/// The rules are the hub's own, and stricter where they leave a choice, so that an id from outside can neither lead out
/// of the cache nor name another's directory in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubId {
    repository: String,
    revision: Option<String>,
}

impl HubId {
    /// Reads an id; `None` where the text is none.
    ///
    /// ```
    /// use clipdex::hub::HubId;
    ///
    /// let id = HubId::parse("openai/clip-vit-base-patch32@refs/pr/15").unwrap();
    /// assert_eq!((id.repository(), id.revision()), ("openai/clip-vit-base-patch32", "refs/pr/15"));
    /// assert_eq!(HubId::parse("org/name").unwrap().revision(), "main");
    /// assert!(HubId::parse("../name").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (repository, revision) = match text.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (text, None),
        };
        let (organisation, name) = repository.split_once('/')?;
        let valid =
            is_part(organisation) && is_part(name) && !name.ends_with(".git") && revision.is_none_or(is_revision);
        valid.then(|| Self {
            repository: repository.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    /// `org/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The branch, tag, pull request or commit.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// Whether the id leaves the revision open.
    pub fn any_revision(&self) -> bool {
        self.revision.is_none()
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// Whether `text` is the name of a commit, whose content never changes.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An organisation or a name. `--` is no part of one: the cache writes it for the slash.
fn is_part(text: &str) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    text.len() <= LONGEST_PART
        && word(bytes.first())
        && word(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        && !text.contains("--")
        && !text.contains("..")
}

/// A git reference of plain characters; it becomes a path below the cache's `refs`.
fn is_revision(text: &str) -> bool {
    let step = |step: &str| {
        !step.is_empty()
            && !step.starts_with(['.', '-'])
            && !step.ends_with(['.', '-'])
            && !step.contains("..")
            && step
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    text.len() <= LONGEST_REVISION && text.split('/').all(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_written_back() {
        for text in [
            "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
            "timm/vit_base_patch16_clip_224.openai@977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
            "o/n@refs/pr/15",
            "o/n@main",
            "0_o/n.1",
        ] {
            assert_eq!(HubId::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_id() {
        let long = "n".repeat(LONGEST_PART + 1);
        for text in [
            "",
            "name",
            "/",
            "o/",
            "/n",
            "o/n/m",
            "../n",
            "o/..",
            "./n",
            "o/.",
            ".o/n",
            "o/.n",
            "-o/n",
            "o/-n",
            "o/n-",
            "o/n.",
            "o/a--b",
            "o/a..b",
            "o/n.git",
            "o\\n",
            "o/n\\m",
            "o/n m",
            "o/n\n",
            "~/n",
            "C:/n",
            "ö/n",
            "o/n@",
            "o/n@../x",
            "o/n@a/../b",
            "o/n@/a",
            "o/n@a/",
            "o/n@a//b",
            "o/n@-x",
            "o/n@.x",
            "o/n@a b",
            "o/n@a\\b",
            "o/n@a@b",
            &format!("o/{long}"),
            &format!("o/n@{}", "r".repeat(LONGEST_REVISION + 1)),
        ] {
            assert_eq!(HubId::parse(text), None, "{text:?}");
        }
    }
}
