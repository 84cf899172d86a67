//! Tags as XMP sidecars: files of their own beside which nothing is changed (XMP specification, parts 1 and 2;
//! `lr:hierarchicalSubject` is Adobe Lightroom's, and read by darktable and digiKam).

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use super::TagError;

/// What a sidecar of this program has among its first bytes. Programs that write a sidecar anew put their own there.
const MADE_BY: &str = "x:xmptk=\"clipdex\"";
const FIRST_BYTES: u64 = 1024;

/// Separates the levels of a hierarchical keyword.
const LEVEL: char = '|';

/// A keyword of a photograph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The name of the tag, behind what it is a kind of, the most general first.
    pub path: Vec<String>,
}

/// What became of a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    Done,
    /// It is there and of another program's or somebody's making, so it was left as it is.
    Foreign,
    /// This run has written one of that name for another photograph.
    Taken,
}

/// Writes sidecars into a directory.
pub struct Sidecars {
    dir: PathBuf,
    force: bool,
    written: HashSet<PathBuf>,
}

impl Sidecars {
    /// Into `dir`, which is made where it is missing; with `force` also over sidecars of others.
    pub fn new(dir: &Path, force: bool) -> Self {
        Self {
            dir: dir.to_owned(),
            force,
            written: HashSet::new(),
        }
    }

    /// Where the sidecar of a photograph goes; none for a path that leads out of the directory.
    pub fn place(&self, photo: &Path) -> Option<PathBuf> {
        let mut name = photo.file_name()?.to_owned();
        name.push(".xmp");
        let stays = photo.components().all(|part| matches!(part, Component::Normal(_)));
        stays.then(|| self.dir.join(photo).with_file_name(name))
    }

    /// Writes the sidecar to its [`Sidecars::place`], all of it or nothing.
    ///
    /// # Errors
    /// [`TagError::Write`].
    pub fn write(&mut self, place: &Path, keywords: &[Keyword]) -> Result<Written, TagError> {
        let failed = |source| TagError::Write {
            path: place.to_owned(),
            source,
        };
        if self.written.contains(place) {
            return Ok(Written::Taken);
        }
        if !self.force && maker(place).map_err(failed)? == Some(Maker::Other) {
            return Ok(Written::Foreign);
        }
        replace(place, document(keywords).as_bytes()).map_err(failed)?;
        self.written.insert(place.to_owned());
        Ok(Written::Done)
    }

    /// Removes the sidecar of a photograph that has no keywords any more, if it is of this program's making and of an
    /// earlier run; says whether it was.
    ///
    /// # Errors
    /// [`TagError::Write`].
    pub fn remove(&self, place: &Path) -> Result<bool, TagError> {
        if self.written.contains(place) {
            return Ok(false);
        }
        let failed = |source| TagError::Write {
            path: place.to_owned(),
            source,
        };
        let stale = maker(place).map_err(failed)? == Some(Maker::Clipdex);
        if stale {
            fs::remove_file(place).map_err(failed)?;
        }
        Ok(stale)
    }
}

/// Who made what is in a sidecar's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Clipdex,
    Other,
}

/// Who made what is there, if anything is.
fn maker(place: &Path) -> io::Result<Option<Maker>> {
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Ok(Some(Maker::Other)),
        Ok(_) => {}
    }
    let mut first = Vec::new();
    File::open(place)?.take(FIRST_BYTES).read_to_end(&mut first)?;
    let is_own = String::from_utf8_lossy(&first).contains(MADE_BY);
    Ok(Some(if is_own { Maker::Clipdex } else { Maker::Other }))
}

fn replace(place: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut new = place.as_os_str().to_owned();
    new.push(".new");
    // What an interrupted run left. The file is to be a new one in any case, never where a link leads.
    let _ = fs::remove_file(&new);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&new)?
        .write_all(content)?;
    fs::rename(&new, place)
}

fn document(keywords: &[Keyword]) -> String {
    let names = keywords.iter().filter_map(|keyword| keyword.path.last().cloned());
    let levels = keywords.iter().map(|keyword| {
        let level = |name: &String| name.replace(LEVEL, "/");
        keyword.path.iter().map(level).collect::<Vec<_>>().join("|")
    });
    let mut text = format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\" {MADE_BY}>\n \
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  \
         <rdf:Description rdf:about=\"\"\n    \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n    \
         xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\">\n"
    );
    bag(&mut text, "dc:subject", names);
    bag(&mut text, "lr:hierarchicalSubject", levels);
    text.push_str("  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>\n");
    text
}

fn bag(text: &mut String, property: &str, items: impl Iterator<Item = String>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "   <{property}>\n    <rdf:Bag>");
    for item in items {
        let _ = writeln!(text, "     <rdf:li>{}</rdf:li>", escaped(&item));
    }
    let _ = writeln!(text, "    </rdf:Bag>\n   </{property}>");
}

/// Text as XML 1.0 has it; characters that it cannot have are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword(path: &[&str]) -> Keyword {
        Keyword {
            path: path.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = document(&[keyword(&["pet", "R&D <dog>"]), keyword(&["a|b", "c\u{1}d"])]);
        let parsed = roxmltree::Document::parse(&text).unwrap();
        let items: Vec<_> = parsed
            .descendants()
            .filter(|node| node.tag_name().name() == "li")
            .filter_map(|node| node.text())
            .collect();
        assert_eq!(items, ["R&D <dog>", "cd", "pet|R&D <dog>", "a/b|cd"]);
        assert!(text[..FIRST_BYTES as usize / 2].contains(MADE_BY));
    }

    #[test]
    fn sidecars_of_others_stay_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let mut sidecars = Sidecars::new(dir.path(), false);
        let place = sidecars.place(Path::new("trip/a.jpg")).unwrap();
        assert_eq!(place, dir.path().join("trip/a.jpg.xmp"));
        assert_eq!(sidecars.write(&place, &[keyword(&["dog"])]).unwrap(), Written::Done);
        assert_eq!(sidecars.write(&place, &[]).unwrap(), Written::Taken);
        let again = Sidecars::new(dir.path(), false)
            .write(&place, &[keyword(&["cat"])])
            .unwrap();
        assert_eq!(again, Written::Done, "its own sidecars are written anew");

        fs::write(&place, "<x:xmpmeta x:xmptk=\"XMP Core 5\"/>").unwrap();
        let mut sidecars = Sidecars::new(dir.path(), false);
        assert_eq!(sidecars.write(&place, &[]).unwrap(), Written::Foreign);
        assert!(fs::read_to_string(&place).unwrap().contains("Core"));
        let forced = Sidecars::new(dir.path(), true).write(&place, &[]).unwrap();
        assert_eq!(forced, Written::Done);
    }

    #[test]
    fn sidecars_go_with_the_last_keyword() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        let keywords = [keyword(&["dog"])];
        for name in ["a.xmp", "b.xmp"] {
            Sidecars::new(dir.path(), false).write(&place(name), &keywords).unwrap();
        }
        fs::write(place("c.xmp"), "<x:xmpmeta x:xmptk=\"XMP Core 5\"/>").unwrap();
        let mut sidecars = Sidecars::new(dir.path(), true);
        sidecars.write(&place("a.xmp"), &keywords).unwrap();
        let removed = ["a.xmp", "b.xmp", "c.xmp", "d.xmp"].map(|name| sidecars.remove(&place(name)).unwrap());
        assert_eq!(removed, [false, true, false, false]);
        let there = ["a.xmp", "b.xmp", "c.xmp"].map(|name| place(name).exists());
        assert_eq!(
            there,
            [true, false, true],
            "what this run wrote and what is of others stays"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let photo = dir.path().join("photo");
        fs::write(&photo, "pixels").unwrap();
        for (link, force) in [("a.jpg.xmp", false), ("a.jpg.xmp", true), ("b.jpg.xmp.new", false)] {
            let link = dir.path().join(link);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&photo, &link).unwrap();
            let mut sidecars = Sidecars::new(dir.path(), force);
            for name in ["a.jpg", "b.jpg"] {
                let place = sidecars.place(Path::new(name)).unwrap();
                sidecars.write(&place, &[]).unwrap();
            }
            assert_eq!(fs::read_to_string(&photo).unwrap(), "pixels");
        }
    }

    #[test]
    fn no_path_leads_out() {
        let sidecars = Sidecars::new(Path::new("out"), false);
        for path in ["../a.jpg", "/a.jpg", "a/../../b.jpg", ".."] {
            assert_eq!(sidecars.place(Path::new(path)), None, "{path}");
        }
    }
}
