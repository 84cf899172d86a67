use clipdex_index::SpaceId;

use super::*;

fn file(item: ItemId, mtime_ns: i64) -> FileRecord {
    FileRecord {
        space: SpaceId(0),
        item,
        size: 10,
        mtime_ns,
        hash: [3; 32],
    }
}

fn failure(mtime_ns: i64, transient: bool) -> FailureRecord {
    FailureRecord {
        reason: "broken".to_owned(),
        size: 10,
        mtime_ns,
        failed_at_unix: 0,
        transient,
    }
}

fn candidate(path: &str, mtime_ns: i64) -> Candidate {
    Candidate {
        path: path.into(),
        state: FileState { size: 10, mtime_ns },
    }
}

fn known(own: Catalogue, nested: Catalogue) -> Known {
    Known { own, nested }
}

fn catalogue<const F: usize, const B: usize>(
    files: [(&str, FileRecord); F],
    failures: [(&str, FailureRecord); B],
) -> Catalogue {
    Catalogue {
        files: files.into_iter().map(|(path, record)| (path.into(), record)).collect(),
        failures: failures
            .into_iter()
            .map(|(path, record)| (path.into(), record))
            .collect(),
    }
}

fn paths(candidates: &[Candidate]) -> Vec<&Path> {
    candidates.iter().map(|candidate| candidate.path.as_path()).collect()
}

#[test]
fn what_an_older_root_has_in_a_place_that_cannot_be_read_moves_along() {
    let nested = catalogue(
        [
            ("/photos/old/locked/a.jpg", file(1, 20)),
            ("/photos/old/gone.jpg", file(2, 20)),
        ],
        [],
    );
    let walk = Walk {
        unreadable: vec![("/photos/old/locked".into(), "permission denied".into())],
        ..Walk::default()
    };
    let plan = Plan::new(&walk, &known(Catalogue::default(), nested), false);
    assert_eq!(plan.carried, [("/photos/old/locked/a.jpg".into(), file(1, 20))]);
    assert_eq!(plan.unchanged, 1);
    assert_eq!(plan.gone.nested, [("/photos/old/gone.jpg".into(), 2)]);
}

#[test]
fn a_changed_file_of_an_older_root_keeps_its_photograph_until_it_is_read() {
    let nested = catalogue([("/p/old/a.jpg", file(1, 20)), ("/p/old/b.jpg", file(2, 20))], []);
    let own = catalogue([("/p/old/b.jpg", file(3, 25))], []);
    let walk = Walk {
        candidates: vec![candidate("/p/old/a.jpg", 30), candidate("/p/old/b.jpg", 30)],
        ..Walk::default()
    };
    let known = known(own, nested);
    let plan = Plan::new(&walk, &known, false);
    assert_eq!(paths(&plan.read), ["/p/old/a.jpg", "/p/old/b.jpg"].map(Path::new));
    assert_eq!(plan.carried, [("/p/old/a.jpg".into(), file(1, 20))]);
    assert_eq!(plan.unchanged, 0);
    let items = ["/p/old/a.jpg", "/p/old/b.jpg"].map(|path| known.file(Path::new(path)).map(|record| record.item));
    assert_eq!(items, [Some(1), Some(3)]);
}

#[test]
fn a_failure_is_tried_again_when_the_file_changes_or_the_cause_may_have_passed() {
    let own = catalogue(
        [],
        [
            ("/p/same.jpg", failure(1, false)),
            ("/p/changed.jpg", failure(1, false)),
            ("/p/locked.jpg", failure(1, true)),
            ("/p/gone.jpg", failure(1, false)),
        ],
    );
    let nested = catalogue([], [("/p/old/same.jpg", failure(1, false))]);
    let walk = Walk {
        candidates: vec![
            candidate("/p/same.jpg", 1),
            candidate("/p/changed.jpg", 2),
            candidate("/p/locked.jpg", 1),
            candidate("/p/old/same.jpg", 1),
        ],
        ..Walk::default()
    };
    let known = known(own, nested);
    let plan = Plan::new(&walk, &known, false);
    assert_eq!(paths(&plan.read), ["/p/changed.jpg", "/p/locked.jpg"].map(Path::new));
    assert_eq!(plan.failed_before, 2);
    assert_eq!(plan.carried_failures, [("/p/old/same.jpg".into(), failure(1, false))]);
    assert_eq!(plan.gone.failures, [Path::new("/p/gone.jpg")]);

    let again = Plan::new(&walk, &known, true);
    assert_eq!((again.read.len(), again.failed_before), (4, 0));
}

#[test]
fn a_file_that_is_well_again_is_no_failure_any_more() {
    let own = catalogue([("/p/a.jpg", file(1, 5))], [("/p/a.jpg", failure(7, true))]);
    let walk = Walk {
        candidates: vec![candidate("/p/a.jpg", 5)],
        ..Walk::default()
    };
    let plan = Plan::new(&walk, &known(own, Catalogue::default()), false);
    assert_eq!((plan.unchanged, plan.read.len()), (1, 0));
    assert_eq!(plan.gone.failures, [Path::new("/p/a.jpg")]);
}

#[test]
fn a_root_that_shows_nothing_is_refused_wherever_it_lies() {
    let scope = Scope {
        dir: "/p".into(),
        present: true,
        root: RootId(0),
        root_dir: "/p".into(),
        is_new: false,
        nested: vec![(RootId(1), "/p/drive".into())],
    };
    let emptied = |own: Catalogue, nested: Catalogue, found: &str| {
        let walk = Walk {
            candidates: vec![candidate(found, 1)],
            ..Walk::default()
        };
        match known(own, nested).check_emptied(&walk, &scope) {
            Err(IngestError::Emptied { path, known }) => Some((path, known)),
            _ => None,
        }
    };
    let drive = || catalogue([("/p/drive/a.jpg", file(1, 1)), ("/p/drive/b.jpg", file(2, 1))], []);
    let rest = || catalogue([("/p/c.jpg", file(3, 1))], []);
    assert_eq!(emptied(rest(), drive(), "/p/c.jpg"), Some(("/p/drive".into(), 2)));
    assert_eq!(emptied(rest(), drive(), "/p/drive/b.jpg"), None);
    assert_eq!(
        emptied(rest(), Catalogue::default(), "/q/c.jpg"),
        Some(("/p".into(), 1))
    );
    assert_eq!(emptied(Catalogue::default(), Catalogue::default(), "/q/c.jpg"), None);
}
