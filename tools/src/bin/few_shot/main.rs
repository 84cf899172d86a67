//! Measures what examples teach: accuracy with 1, 2, 4, 8 and 16 examples a class, beside zero-shot, on labelled
//! photographs that are grouped into coarse classes by their WordNet ancestors.

mod groups;
mod trial;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;
use clipdex::encoder::Model;
use clipdex::labels::{Builtin, Label, LabelSource, Method, Recipe, embed_labels};

use groups::Groups;
use trial::{Score, StrangeBank, Trial};

/// Accuracy by the number of examples a class, on photographs named after their synset
#[derive(Parser)]
struct Args {
    /// Directory of photographs named nNNNNNNNN_anything.jpg
    dir: PathBuf,
    /// Model to measure
    #[arg(long, default_value = "starter")]
    model: String,
    /// Synsets of the classes, a photograph is of the first that it is a kind of [default: 21 that the development
    /// photographs have]
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// Times that examples and test photographs are drawn anew
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// Photographs of each class that are tested
    #[arg(long, default_value_t = 2)]
    tests: usize,
    /// Also teach one class at a time to this bank, under a name that says nothing: text, TSV, CSV, JSONL or builtin:NAME
    #[arg(long, value_name = "SOURCE")]
    bank: Option<LabelSource>,
    /// No photographs but the examples are known
    #[arg(long)]
    no_backdrop: bool,
}

/// Classes of about equal breadth that are no kinds of one another.
const CLASSES: [&str; 21] = [
    "n02092468",
    "n02103406",
    "n02098550",
    "n02000954",
    "n01524359",
    "n01674464",
    "n01726692",
    "n02512053",
    "n02159955",
    "n01769347",
    "n02469914",
    "n03051540",
    "n03405725",
    "n03800933",
    "n04576211",
    "n03125870",
    "n02913152",
    "n03563967",
    "n07555863",
    "n04531098",
    "n03294048",
];

const SHOTS: [usize; 5] = [1, 2, 4, 8, 16];

fn main() -> Result<()> {
    let args = Args::parse();
    let model = Model::open(&args.model)?;
    let nouns = LabelSource::Builtin(Builtin::WordNetNouns).read()?;
    let classes: Vec<&str> = if args.classes.is_empty() {
        CLASSES.to_vec()
    } else {
        args.classes.iter().map(String::as_str).collect()
    };
    let groups = Groups::read(&args.dir, &model, &nouns, &classes)?;
    println!(
        "{} photographs, {} of them in classes:",
        groups.photos(),
        groups.in_classes()
    );
    groups.describe();
    println!();
    let bank = args
        .bank
        .as_ref()
        .map(|bank| strange_bank(bank, &model, &groups))
        .transpose()?;
    let columns = COLUMNS
        .iter()
        .take(if bank.is_some() { COLUMNS.len() } else { WITHOUT_BANK });
    let heading: Vec<String> = columns.map(|column| format!("{column:16}")).collect();
    println!("examples  classes  {}", heading.join("  "));
    for shots in SHOTS {
        let usable = groups.with_at_least(shots + args.tests);
        if usable.len() < 5 {
            println!("{shots:>8}  {:>7}  too few photographs", usable.len());
            continue;
        }
        let mut scores = vec![Score::default(); heading.len()];
        for round in 0..args.rounds {
            let trial = Trial::draw(&groups, &usable, shots, args.tests, round, args.no_backdrop);
            let found = accuracies(&trial, bank.as_ref());
            scores.iter_mut().zip(found).for_each(|(score, found)| score.add(found));
        }
        let scores: Vec<String> = scores.iter().map(Score::to_string).collect();
        println!("{shots:>8}  {:>7}  {}", usable.len(), scores.join("  "));
    }
    if groups.in_classes() == 0 {
        bail!("no photograph is of any class");
    }
    Ok(())
}

/// What is measured, the last two in a bank alone.
const COLUMNS: [&str; 6] = [
    "zero-shot",
    "prototype",
    "tip-adapter",
    "one taught alone",
    "strange, found",
    "strange, wrongly",
];
const WITHOUT_BANK: usize = 4;

/// In the order of [`COLUMNS`].
fn accuracies(trial: &Trial<'_>, bank: Option<&StrangeBank>) -> Vec<f64> {
    let mut accuracies = vec![
        trial.zero_shot(),
        trial.taught(Method::Prototype),
        trial.taught(Method::TipAdapter),
        trial.taught_alone(),
    ];
    accuracies.extend(bank.into_iter().flat_map(|bank| trial.taught_to(bank)));
    accuracies
}

/// A name that no photograph is known by.
const STRANGER: &str = "Miso";

fn strange_bank(source: &LabelSource, model: &Model, groups: &Groups) -> Result<StrangeBank> {
    let encoder = model.text_encoder()?;
    let texts = embed_labels(&source.read()?, &Recipe::default(), encoder.as_ref())?;
    let stranger = embed_labels(&[Label::named(STRANGER)], &Recipe::default(), encoder.as_ref())?.remove(0);
    Ok(StrangeBank::new(texts, stranger, groups))
}
