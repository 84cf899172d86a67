//! Recall that is measured when a segment is made, and what searches make of it.

use clipdex_index::{Method, Mode, PlanReason, SealOptions, SearchParams, SegmentStats, Space, Writer};

use crate::support::{FINGERPRINT, Noise, assert_sound, clustered, fill, library, oracle};

const DIM: usize = 32;
const OPTIONS: SealOptions = SealOptions {
    graph_min_items: 1,
    threads: None,
};

fn segment(writer: &Writer) -> SegmentStats {
    writer.index().stats().unwrap().spaces[0].segments[0].clone()
}

fn recall(writer: &Writer, space: &Space, queries: &[Vec<f32>], params: &SearchParams<'_>) -> f64 {
    let mut found = 0;
    for query in queries {
        let truth: Vec<_> = oracle(writer.index(), space.id, query).into_iter().take(10).collect();
        let hits = writer.index().search(space.id, query, params).unwrap();
        found += hits
            .iter()
            .filter(|hit| truth.iter().any(|(id, _)| *id == hit.id))
            .count();
    }
    found as f64 / (10 * queries.len()) as f64
}

#[test]
fn the_curve_is_measured_and_kept_and_is_what_searches_find() {
    let (dir, mut writer, space) = library(DIM);
    let bank = writer.create_space("bank", DIM, FINGERPRINT, b"").unwrap();
    let mut noise = Noise(31);
    let mut scattered = |count| -> Vec<_> { (0..count).map(|_| noise.unit(DIM)).collect() };
    fill(&mut writer, &space, &scattered(3000));
    let mut queries = scattered(100);
    fill(&mut writer, &bank, &queries);
    // Of ten, one is not known to the graph, which is measured with those.
    queries = queries.into_iter().step_by(10).collect();
    writer.set_training(space.id, vec![bank.id]);
    writer.seal(&space, &OPTIONS).unwrap();
    let curve = segment(&writer).recall;
    assert!(curve.len() >= 2, "{curve:?}");
    assert!(curve.is_sorted_by_key(|point| point.ef));
    assert!(curve.iter().all(|point| (0.0..=1.0).contains(&point.own)));
    assert!(curve[0].own <= curve.last().unwrap().own, "{curve:?}");
    for point in &curve {
        let params = SearchParams {
            k: 10,
            mode: Mode::Graph,
            ef: Some(point.ef),
            ..SearchParams::default()
        };
        let found = recall(&writer, &space, &queries, &params);
        let measured = f64::from(point.training.unwrap());
        assert!((found - measured).abs() < 0.02, "{found} with {point:?}");
    }
    drop(writer);
    let writer = Writer::open(dir.path()).unwrap();
    assert_eq!(segment(&writer).recall, curve);
    assert_sound(writer.index());
}

#[test]
fn training_queries_of_the_same_encoder_are_measured_too() {
    let (_dir, mut writer, space) = library(DIM);
    let bank = writer.create_space("bank", DIM, FINGERPRINT, b"").unwrap();
    let other = writer.create_space("other", DIM, [9; 32], b"").unwrap();
    fill(&mut writer, &space, &clustered(32, 2000, DIM, 40));
    fill(&mut writer, &other, &clustered(33, 50, DIM, 5));
    writer.set_training(space.id, vec![other.id]);
    writer.seal(&space, &OPTIONS).unwrap();
    assert!(segment(&writer).recall.iter().all(|point| point.training.is_none()));
    fill(&mut writer, &bank, &clustered(34, 300, DIM, 30));
    writer.set_training(space.id, vec![other.id, bank.id]);
    let mut batch = writer.batch();
    batch.delete(&space, 0).unwrap();
    batch.commit().unwrap();
    writer.seal(&space, &OPTIONS).unwrap();
    assert!(segment(&writer).recall.iter().all(|point| point.training.is_some()));
}

#[test]
fn a_target_is_reached_or_the_segment_is_scanned() {
    let (_dir, mut writer, space) = library(DIM);
    let mut vectors = clustered(35, 4200, DIM, 100);
    let queries = vectors.split_off(4000);
    fill(&mut writer, &space, &vectors);
    writer.seal(&space, &OPTIONS).unwrap();
    let params = |target| SearchParams {
        k: 10,
        mode: Mode::Graph,
        target_recall: Some(target),
        ..SearchParams::default()
    };
    for target in [0.8, 0.95, 0.99] {
        let recall = recall(&writer, &space, &queries[..100], &params(target));
        assert!(recall >= f64::from(target) - 0.01, "{recall} for {target}");
    }
    let plan = |target| writer.index().plan(space.id, &params(target)).unwrap();
    assert_eq!(plan(0.9).method, Method::Graph);
    assert!(plan(0.8).ef <= plan(0.99).ef || plan(0.99).method == Method::Exact);
    assert_eq!(
        (plan(1.5).method, plan(1.5).reason),
        (Method::Exact, PlanReason::LowRecall),
        "what no graph reaches"
    );
    let exact = recall(&writer, &space, &queries[..20], &params(1.5));
    assert!(exact > 0.9999);
}
