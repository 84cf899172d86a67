//! Merging the symbols of one word, step by step as the `tokenizers` crate does it (`models/bpe/word.rs`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::tables::Merge;

/// Where there is no neighbour.
const NONE: usize = usize::MAX;

/// A piece of a word, in the list of those that are left.
#[derive(Clone, Copy)]
struct Symbol {
    id: u32,
    /// Length in bytes; 0 for one that was merged into the symbol before it.
    len: usize,
    previous: usize,
    next: usize,
}

/// A word as a sequence of pieces.
#[derive(Default)]
pub(super) struct Word {
    symbols: Vec<Symbol>,
}

/// Merges to come, as (rank, place, id): the lowest rank first, and the leftmost of equals.
type Queue = BinaryHeap<Reverse<(u32, usize, u32)>>;

impl Word {
    /// Adds a piece of `len` bytes, more than none, at the end.
    pub(super) fn push(&mut self, id: u32, len: usize) {
        let place = self.symbols.len();
        if let Some(last) = self.symbols.last_mut() {
            last.next = place;
        }
        self.symbols.push(Symbol {
            id,
            len,
            previous: place.checked_sub(1).unwrap_or(NONE),
            next: NONE,
        });
    }

    /// Merges what `merge_of` says of a left and a right id, until nothing is left to merge.
    pub(super) fn merge(&mut self, merge_of: impl Fn(u32, u32) -> Option<Merge>) {
        let mut queue = Queue::with_capacity(self.symbols.len());
        for place in 0..self.symbols.len() {
            self.enqueue(place, &merge_of, &mut queue);
        }
        while let Some(Reverse((_, place, id))) = queue.pop() {
            let left = self.symbols[place];
            let Some(right) = self.symbols.get(left.next).copied().filter(|_| left.len > 0) else {
                continue;
            };
            // Other pieces may stand here by now. They are merged where they give the same piece, whatever their own
            // rank: that is what the crate does.
            if merge_of(left.id, right.id).is_none_or(|merge| merge.id != id) {
                continue;
            }
            self.symbols[left.next].len = 0;
            self.symbols[place] = Symbol {
                id,
                len: left.len + right.len,
                previous: left.previous,
                next: right.next,
            };
            if let Some(next) = self.symbols.get_mut(right.next) {
                next.previous = place;
            }
            self.enqueue(left.previous, &merge_of, &mut queue);
            self.enqueue(place, &merge_of, &mut queue);
        }
    }

    /// Adds the merge of the symbol at `place` with the next one, where there is one.
    fn enqueue(&self, place: usize, merge_of: &impl Fn(u32, u32) -> Option<Merge>, queue: &mut Queue) {
        let pair = self
            .symbols
            .get(place)
            .and_then(|left| Some((left, self.symbols.get(left.next)?)));
        if let Some(merge) = pair.and_then(|(left, right)| merge_of(left.id, right.id)) {
            queue.push(Reverse((merge.rank, place, merge.id)));
        }
    }

    /// Ids and lengths in bytes of the pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u32, usize)> {
        let left = self.symbols.iter().filter(|symbol| symbol.len > 0);
        left.map(|symbol| (symbol.id, symbol.len))
    }
}
