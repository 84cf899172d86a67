use super::*;

fn label(id: &str, name: &str, parents: &[&str]) -> Label {
    Label {
        id: id.to_owned(),
        name: name.to_owned(),
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        ..Label::default()
    }
}

/// A dog is a canine and a pet; both are animals.
fn animals() -> Vec<Label> {
    vec![
        label("terrier", "terrier", &["dog"]),
        label("poodle", "poodle", &["dog"]),
        label("dog", "dog", &["canine", "pet"]),
        label("wolf", "wolf", &["canine"]),
        label("hamster", "hamster", &["pet"]),
        label("canine", "canine", &["animal"]),
        label("pet", "pet", &["animal"]),
    ]
}

fn alone(labels: &[Label]) -> Taxonomy {
    build::taxonomy(labels, |_| Ok(None)).unwrap()
}

fn name(taxonomy: &Taxonomy, id: NodeId) -> &str {
    &taxonomy.node(id).unwrap().label.name
}

#[test]
fn a_label_counts_once_for_each_ancestor() {
    let taxonomy = alone(&animals());
    let sums = taxonomy.sums(&[0.5, 0.2, 0.0, 0.1, 0.2, 0.0, 0.0]);
    for (node, expected) in [
        ("animal", 1.0),
        ("pet", 0.9),
        ("canine", 0.8),
        ("dog", 0.7),
        ("poodle", 0.2),
    ] {
        let id = taxonomy.find(node).unwrap();
        assert!(
            (sums[id as usize] - expected).abs() < 1e-6,
            "{node}: {}",
            sums[id as usize]
        );
    }
}

#[test]
fn the_answer_is_the_most_specific_node_that_is_sure_enough() {
    let taxonomy = alone(&animals());
    let answer = |shares: &[f32], confidence| {
        let answer = taxonomy.answer(&taxonomy.sums(shares), confidence)?;
        Some(
            answer
                .path
                .iter()
                .map(|(id, _)| name(&taxonomy, *id))
                .collect::<Vec<_>>(),
        )
    };
    let shares = [0.5, 0.2, 0.0, 0.1, 0.2, 0.0, 0.0];
    assert_eq!(answer(&shares, 0.5).unwrap(), ["animal", "canine", "dog", "terrier"]);
    assert_eq!(answer(&shares, 0.6).unwrap(), ["animal", "canine", "dog"]);
    // Both canine and pet reach 0.8, and as many labels are below each: the likelier one is taken.
    assert_eq!(answer(&shares, 0.8).unwrap(), ["animal", "pet"]);
    assert_eq!(answer(&shares, 1.0).unwrap(), ["animal"]);
    assert_eq!(answer(&[0.1; 7], 0.9), None, "what is left went to none of these");
}

#[test]
fn labels_below_are_found_by_every_way() {
    let taxonomy = alone(&animals());
    let below = |node: &str| taxonomy.labels_below(taxonomy.find(node).unwrap());
    assert_eq!(below("dog"), [0, 1, 2]);
    assert_eq!(below("canine"), [0, 1, 2, 3, 5]);
    assert_eq!(below("pet"), [0, 1, 2, 4, 6]);
    assert_eq!(below("animal").len(), 7);
    assert_eq!(below("wolf"), [3]);
}

#[test]
fn kinds_are_found_as_a_taxonomy_finds_them() {
    let mut labels = animals();
    labels[1].synonyms = vec!["Caniche".to_owned(), "POODLE".to_owned()];
    labels.extend([label("n1", "crane", &["bird"]), label("n2", "Crane", &["machine"])]);
    labels.push(label("n3", "hoist", &["Crane", "n2"]));
    let taxonomy = alone(&labels);
    let words = [
        "dog", "canine", "pet", "animal", "wolf", "Poodle", "caniche", "crane", "CRANE", "n2", "bird", "MACHINE",
        "hoist", "heron", "",
    ];
    let kinds = kinds::kinds(&labels, &words, |_| Ok(None)).unwrap();
    for (word, kinds) in words.into_iter().zip(kinds) {
        let mut below: Vec<u32> = match taxonomy.called(word) {
            Ok(nodes) => nodes.into_iter().flat_map(|node| taxonomy.labels_below(node)).collect(),
            Err(_) => Vec::new(),
        };
        below.sort_unstable();
        below.dedup();
        assert_eq!(kinds, below, "{word}");
    }
    let terrier = label("n02095570", "Lakeland terrier", &["n02095412"]);
    assert_eq!(
        kinds_of(&[terrier], &["domestic dog", "cat"]).unwrap(),
        [vec![0], vec![]]
    );
}

#[test]
fn kinds_of_each_other_are_kinds() {
    let labels = [
        label("a", "A", &["b"]),
        label("b", "B", &["a"]),
        label("c", "C", &["b"]),
    ];
    assert_eq!(kinds_of(&labels, &["A"]).unwrap(), [[0, 1, 2]]);
}

#[test]
fn parents_may_be_named_instead_of_identified() {
    let labels = [
        label("1", "oak", &["tree"]),
        label("2", "tree", &["plant", "tree-like", "tree-like"]),
        Label::named("plant"),
    ];
    let taxonomy = alone(&labels);
    assert_eq!(taxonomy.labels_below(taxonomy.find("plant").unwrap()), [0, 1, 2]);
    assert_eq!(
        taxonomy.node(1).unwrap().parents.len(),
        2,
        "named twice, a parent counts once"
    );
}

#[test]
fn what_a_bank_lacks_comes_from_wordnet() {
    let terrier = label("n02095570", "Lakeland terrier", &["n02095412"]);
    let taxonomy = Taxonomy::new(&[terrier]).unwrap();
    let path = taxonomy.path(0);
    let names: Vec<_> = path.iter().map(|id| name(&taxonomy, *id)).collect();
    assert_eq!(names.first(), Some(&"entity"));
    assert!(names.ends_with(&["terrier", "wirehair", "Lakeland terrier"]) && names.contains(&"dog"));
    assert_eq!(
        taxonomy.find("domestic dog").unwrap(),
        taxonomy.find("n02084071").unwrap()
    );
}

#[test]
fn cycles_are_refused_by_name() {
    for labels in [
        vec![
            label("a", "A", &["b"]),
            label("b", "B", &["c"]),
            label("c", "C", &["a"]),
            label("d", "D", &["a"]),
        ],
        vec![label("a", "A", &["a"])],
    ] {
        let Err(LabelError::Cycle(names)) = build::taxonomy(&labels, |_| Ok(None)) else {
            panic!("a cycle was not seen");
        };
        assert!(names.contains("'A'") && !names.contains("'D'"), "{names}");
    }
}

#[test]
fn endless_lines_are_refused() {
    let chain: Vec<Label> = (0..3_000)
        .map(|i| label(&format!("l{i}"), "x", &[&format!("l{}", i + 1)]))
        .collect();
    let refused = build::taxonomy(&chain, |_| Ok(None));
    assert!(matches!(refused, Err(LabelError::TooDeep { most: 1_000, .. })));
}

#[test]
fn words_with_several_meanings_are_asked_about() {
    let mut cranes = vec![label("n1", "crane", &[]), label("n2", "crane", &[])];
    cranes[0].definition = "a bird".to_owned();
    cranes[1].synonyms = vec!["Hoist".to_owned()];
    let taxonomy = alone(&cranes);
    assert_eq!(taxonomy.called("crane").unwrap(), [0, 1]);
    let error = taxonomy.find("crane").unwrap_err().to_string();
    assert!(error.contains("n1 (a bird)") && error.contains("n2"), "{error}");
    assert_eq!(taxonomy.find("n2").unwrap(), 1);
    assert_eq!(taxonomy.find("hoist").unwrap(), 1);
    assert!(matches!(taxonomy.find("heron"), Err(LabelError::UnknownNode(_))));
}
