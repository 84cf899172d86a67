use std::fs;

use super::*;

#[test]
fn changes_are_due_when_nothing_happens_any_more() {
    let (start, mut pending) = (Instant::now(), Pending::default());
    let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
    assert!(!pending.is_due(at(100.0)), "nothing has changed");
    pending.add("/p/a".into(), at(0.0));
    pending.add("/p/a".into(), at(0.7));
    assert!(!pending.is_due(at(1.5)));
    assert!(pending.is_due(at(1.7)));
    for tenths in 7..=149 {
        pending.add("/p/a".into(), at(f64::from(tenths) / 10.0));
    }
    assert!(!pending.is_due(at(14.95)));
    assert!(pending.is_due(at(15.0)), "it never becomes quiet");
    assert_eq!(pending.take(), Changes::Dirs(vec!["/p/a".into()]));
    assert!(!pending.is_due(at(100.0)));
}

#[test]
fn directories_inside_others_are_looked_at_with_them() {
    let (now, mut pending) = (Instant::now(), Pending::default());
    for dir in ["/p/b/c/d", "/p/b", "/p/bc", "/p/a"] {
        pending.add(dir.into(), now);
    }
    let outermost = ["/p/a", "/p/b", "/p/bc"].map(PathBuf::from);
    assert_eq!(pending.take(), Changes::Dirs(outermost.into()));
    for number in 0..1000 {
        pending.add(format!("/p/{number}").into(), now);
        assert!(pending.dirs.len() <= MOST_DIRS);
    }
    assert_eq!(pending.take(), Changes::Anywhere);
}

#[test]
fn only_what_may_be_a_photograph_counts() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_path_buf();
    fs::create_dir_all(root.join("sub/library")).unwrap();
    for file in ["sub/a.jpg", "sub/notes.txt", "sub/library/b.jpg"] {
        fs::write(root.join(file), b"x").unwrap();
    }
    let places = Places {
        dirs: vec![root.clone()],
        library: root.join("sub/library"),
    };
    let changed = |path: &str| {
        let dir = places.changed_dir(&root.join(path))?;
        Some(dir.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
    };
    assert_eq!(changed("sub/a.jpg").as_deref(), Some("sub"));
    assert_eq!(changed("sub").as_deref(), Some("sub"));
    assert_eq!(changed("sub/gone").as_deref(), Some("sub"));
    assert_eq!(changed("sub/.clipdexignore").as_deref(), Some("sub"));
    assert_eq!(changed("").as_deref(), Some(""));
    for nothing in [
        "sub/notes.txt",
        "sub/library/b.jpg",
        "sub/library",
        ".git/a.jpg",
        ".git/.clipdexignore",
        "../a.jpg",
    ] {
        assert_eq!(changed(nothing), None, "{nothing}");
    }
}
