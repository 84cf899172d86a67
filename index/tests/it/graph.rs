//! The graph: what it finds against an exact scan, and what it must never return.

use clipdex_index::{Hit, Index, Method, Mode, PlanReason, RoaringTreemap, SealOptions, SearchParams, SpaceId, Writer};

use crate::support::{assert_sound, clustered, fill, library, oracle};

const DIM: usize = 32;
const COUNT: usize = 1000;
const GRAPH: SealOptions = SealOptions {
    graph_min_items: 1,
    threads: None,
};

fn sealed(seed: u64, count: usize) -> (tempfile::TempDir, Writer, clipdex_index::Space) {
    let (dir, mut writer, space) = library(DIM);
    fill(&mut writer, &space, &clustered(seed, count, DIM, 40));
    let summary = writer.seal(&space, &GRAPH).unwrap();
    assert!(summary.graph && summary.items == count as u64);
    (dir, writer, space)
}

fn search(index: &Index, space: SpaceId, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Vec<Hit> {
    index
        .search(
            space,
            query,
            &SearchParams {
                k,
                mode: Mode::Graph,
                filter,
                ..SearchParams::default()
            },
        )
        .unwrap()
}

#[test]
fn the_graph_finds_nearly_all_that_an_exact_scan_finds() {
    let (_dir, writer, space) = sealed(11, 3000);
    let index = writer.index();
    let params = SearchParams {
        k: 10,
        mode: Mode::Graph,
        ..SearchParams::default()
    };
    assert_eq!(index.plan(space.id, &params).unwrap().method, Method::Graph);
    let queries = clustered(11, 3100, DIM, 40).split_off(3000);
    let mut found = 0;
    for query in &queries {
        let truth: Vec<_> = oracle(index, space.id, query)
            .into_iter()
            .take(10)
            .map(|(id, _)| id)
            .collect();
        let hits = search(index, space.id, query, 10, None);
        assert!(hits.is_sorted_by(|a, b| a.score > b.score || a.score == b.score && a.id < b.id));
        found += hits.iter().filter(|hit| truth.contains(&hit.id)).count();
    }
    assert!(found >= 950, "recall@10 is {}", found as f64 / 1000.0);
}

#[test]
fn every_item_is_found_by_its_own_vector() {
    let (_dir, writer, space) = sealed(12, COUNT);
    let set = writer.index().vectors(space.id).unwrap();
    let own = |(id, row): (&u64, &[f32])| {
        let hit = search(writer.index(), space.id, row, 1, None)[0];
        hit.id == *id
    };
    let missed = set
        .ids
        .iter()
        .zip(set.data.chunks_exact(DIM))
        .filter(|row| !own(*row))
        .count();
    assert!(missed <= 3, "{missed} items are not found by their own vectors");
}

#[test]
fn equal_vectors_are_linked_and_found() {
    let (_dir, mut writer, space) = library(DIM);
    let mut vectors = vec![clustered(5, 1, DIM, 1).remove(0); 200];
    vectors.extend(clustered(6, 1000, DIM, 10));
    fill(&mut writer, &space, &vectors);
    assert_eq!(writer.seal(&space, &GRAPH).unwrap().unreached, 0);
    let hits = search(writer.index(), space.id, &vectors[0], 200, None);
    let equal = hits.iter().filter(|hit| hit.id < 200).count();
    assert!(equal >= 180, "{equal} of 200");
}

#[test]
fn deleted_and_replaced_items_are_never_returned_as_they_were() {
    let (_dir, mut writer, space) = sealed(13, COUNT);
    let vectors = clustered(13, COUNT, DIM, 40);
    let mut batch = writer.batch();
    for id in (0..COUNT).step_by(3) {
        batch.delete(&space, id as u64).unwrap();
    }
    for id in (1..COUNT).step_by(3) {
        let opposite: Vec<f32> = vectors[id].iter().map(|x| -x).collect();
        batch.upsert(&space, &id.to_be_bytes(), &opposite, b"").unwrap();
    }
    batch.commit().unwrap();
    for (id, vector) in vectors.iter().enumerate().take(300) {
        let hits = search(writer.index(), space.id, vector, 10, None);
        assert_eq!(hits.len(), 10);
        assert!(hits.iter().all(|hit| hit.id % 3 != 0), "deleted");
        if id % 3 == 1 {
            assert!(hits.iter().all(|hit| hit.id != id as u64), "replaced by its opposite");
            let opposite: Vec<f32> = vector.iter().map(|x| -x).collect();
            assert_eq!(search(writer.index(), space.id, &opposite, 1, None)[0].id, id as u64);
        }
    }
    assert_sound(writer.index());
}

#[test]
fn filters_of_any_width_give_k_where_k_exist_and_nothing_else() {
    let (_dir, writer, space) = sealed(14, COUNT);
    let index = writer.index();
    let query = &clustered(14, 1, DIM, 40)[0];
    let ranked = oracle(index, space.id, query);
    for step in [1, 2, 10, 300] {
        let filter: RoaringTreemap = (0..COUNT as u64).step_by(step).chain([9_999_999]).collect();
        for k in [1, 5, 50] {
            let hits = search(index, space.id, query, k, Some(&filter));
            assert_eq!(hits.len(), k.min(COUNT.div_ceil(step)), "step {step}, k {k}");
            assert!(hits.iter().all(|hit| filter.contains(hit.id)));
            let exact = SearchParams {
                k,
                mode: Mode::Exact,
                filter: Some(&filter),
                ..SearchParams::default()
            };
            let exact: Vec<_> = index
                .search(space.id, query, &exact)
                .unwrap()
                .iter()
                .map(|hit| hit.id)
                .collect();
            let truth = ranked.iter().filter(|(id, _)| filter.contains(*id)).map(|(id, _)| *id);
            assert_eq!(exact, truth.take(k).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_plan_says_what_a_search_does_and_why() {
    let (_dir, mut writer, space) = library(DIM);
    fill(&mut writer, &space, &clustered(19, 200, DIM, 10));
    let narrow: RoaringTreemap = (0..20).collect();
    let plan = |writer: &Writer, mode, filter| {
        let plan = writer
            .index()
            .plan(
                space.id,
                &SearchParams {
                    k: 1,
                    mode,
                    filter,
                    ..SearchParams::default()
                },
            )
            .unwrap();
        (plan.method, plan.reason)
    };
    assert_eq!(
        plan(&writer, Mode::Graph, None),
        (Method::Exact, PlanReason::NothingSealed)
    );
    writer.seal(&space, &SealOptions::default()).unwrap();
    assert_eq!(plan(&writer, Mode::Graph, None), (Method::Exact, PlanReason::NoGraph));
    writer.seal(&space, &GRAPH).unwrap();
    assert_eq!(plan(&writer, Mode::Graph, None), (Method::Graph, PlanReason::Asked));
    assert_eq!(plan(&writer, Mode::Exact, None), (Method::Exact, PlanReason::Asked));
    assert_eq!(plan(&writer, Mode::Auto, None), (Method::Exact, PlanReason::FewVectors));
    assert_eq!(
        plan(&writer, Mode::Graph, Some(&narrow)),
        (Method::Exact, PlanReason::NarrowFilter)
    );
}

#[test]
fn more_results_than_items_are_all_items() {
    let (_dir, writer, space) = sealed(15, COUNT);
    let query = &clustered(15, 1, DIM, 40)[0];
    assert_eq!(search(writer.index(), space.id, query, usize::MAX, None).len(), COUNT);
    assert!(search(writer.index(), space.id, query, 0, None).is_empty());
}

#[test]
fn the_first_five_of_fifteen_are_the_top_five() {
    let (_dir, writer, space) = sealed(16, COUNT);
    for query in clustered(17, 20, DIM, 20) {
        for mode in [Mode::Auto, Mode::Exact, Mode::Graph] {
            let top = |k| {
                let params = SearchParams {
                    k,
                    mode,
                    ..SearchParams::default()
                };
                writer.index().search(space.id, &query, &params).unwrap()
            };
            assert_eq!(top(15)[..5], top(5));
        }
    }
}

#[test]
fn a_query_must_fit_the_space() {
    let (_dir, writer, space) = sealed(18, COUNT);
    for query in [vec![1.0], vec![f32::NAN; DIM], vec![1.0; DIM]] {
        let params = SearchParams {
            k: 1,
            ..SearchParams::default()
        };
        assert!(writer.index().search(space.id, &query, &params).is_err());
    }
}
