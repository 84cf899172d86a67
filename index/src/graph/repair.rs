//! Edges to rows that walks of level 0 would miss.
//!
//! A row at the edge of its cluster chooses neighbours, but may be chosen by none, or lose its incoming edges to nearer
//! rows when a list is full. Such a row would hardly ever be found, or never.

use super::GraphView;
use super::lists::Lists;
use super::nearest::Rows;

/// Edges that are to lead to each row: with one alone, it depends on a single other row being passed.
const INCOMING: u32 = 2;
/// Rows that are asked for a place.
const SOURCES: usize = 256;

/// Gives each row with few incoming edges some from its own neighbours, while those have fewer than `places`.
pub(super) fn add_incoming(lists: &mut Lists, places: usize) {
    let mut incoming = lists.incoming();
    for row in 0..lists.rows() {
        let Some(count) = incoming.get_mut(row as usize).filter(|count| **count < INCOMING) else {
            continue;
        };
        for source in lists.of(row).to_vec() {
            if *count >= INCOMING {
                break;
            }
            if lists.of(source).len() < places && lists.push(source, row) {
                *count += 1;
            }
        }
    }
}

/// Gives each row that no walk from `entry` reaches an edge from a near row that is reached. Returns how many rows are
/// still unreached.
pub(super) fn link_unreached(lists: &mut Lists, rows: &Rows<'_>, upper: &GraphView<'_>, places: usize) -> u64 {
    let mut reached = Reached::default();
    reached.walk(lists, upper.entry);
    for row in 0..lists.rows() {
        if reached.contains(row) {
            continue;
        }
        let found = rows.nearest(upper, lists, &rows.query(row), SOURCES);
        let near: Vec<u32> = found.iter().map(|source| source.id).chain([upper.entry]).collect();
        if link(lists, &reached, &near, row, places) {
            reached.walk(lists, row);
        }
    }
    reached.0.iter().filter(|reached| !**reached).count() as u64
}

/// Adds an edge to `row` from the first of the `near` rows that is reached and has a place; where none has one of its
/// `places` left, from the first that has any.
fn link(lists: &mut Lists, reached: &Reached, near: &[u32], row: u32, places: usize) -> bool {
    let mut sources = near.iter().filter(|source| reached.contains(**source));
    let spare = sources.clone().find(|source| lists.of(**source).len() < places);
    match spare {
        Some(source) => lists.push(*source, row),
        None => sources.any(|source| lists.push(*source, row)),
    }
}

/// The rows that walks came to.
#[derive(Default)]
struct Reached(Vec<bool>);

impl Reached {
    /// Walks on from `row`.
    fn walk(&mut self, lists: &Lists, row: u32) {
        self.0.resize(lists.rows() as usize, false);
        let mut open = vec![row];
        while let Some(row) = open.pop() {
            if let Some(reached) = self.0.get_mut(row as usize)
                && !std::mem::replace(reached, true)
            {
                open.extend(lists.of(row));
            }
        }
    }

    fn contains(&self, row: u32) -> bool {
        self.0.get(row as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Level};
    use crate::quantize::Codes;
    use crate::testing::unit_rows;

    const ROWS: u32 = 40;

    /// Where walks begin at row 0, with no level above but one that has row 0 alone.
    fn upper() -> Graph {
        Graph {
            entry: 0,
            upper_stride: 1,
            upper: vec![Level {
                nodes: vec![0],
                neighbours: vec![crate::segment::format::NONE],
            }],
            ..Graph::default()
        }
    }

    /// A chain 0 -> 1 -> … of `length` rows; the others point at it, and nothing points at them.
    fn chain(length: u32) -> Lists {
        let mut lists = Lists::new(ROWS as usize, 4);
        for row in 0..ROWS {
            lists.push(row, if row < length { (row + 1) % length } else { row % length });
        }
        lists
    }

    #[test]
    fn rows_that_nothing_points_at_are_linked() {
        let matrix = unit_rows(ROWS as usize, 16, 0.0, 4);
        let codes = Codes::new(&matrix).unwrap();
        for places in [1, 2, 4] {
            let mut lists = chain(30);
            let unreached = link_unreached(&mut lists, &Rows::plain(&matrix, &codes), &upper().view(), places);
            assert_eq!(unreached, 0);
            let mut reached = Reached::default();
            reached.walk(&lists, 0);
            assert!((0..ROWS).all(|row| reached.contains(row)), "{places} places");
        }
    }

    #[test]
    fn where_no_list_has_places_rows_are_counted() {
        let matrix = unit_rows(ROWS as usize, 16, 0.0, 4);
        let codes = Codes::new(&matrix).unwrap();
        let mut lists = Lists::new(ROWS as usize, 1);
        (0..ROWS).for_each(|row| lists.set(row, &[(row + 1) % 30]));
        let rows = Rows::plain(&matrix, &codes);
        assert_eq!(link_unreached(&mut lists, &rows, &upper().view(), 1), 10);
    }

    #[test]
    fn rows_get_edges_back_from_their_neighbours_while_there_are_places() {
        let mut lists = Lists::new(4, 3);
        lists.set(0, &[1, 2]);
        lists.set(1, &[0, 2]);
        lists.set(2, &[0, 1]);
        lists.set(3, &[0, 1, 2]);
        add_incoming(&mut lists, 2);
        assert_eq!(lists.incoming()[3], 0);
        add_incoming(&mut lists, 3);
        assert_eq!(lists.incoming()[3], 2);
        assert_eq!(lists.of(0), [1, 2, 3]);
    }
}
