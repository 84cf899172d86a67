//! Which rows a walk has seen.

/// Rows seen in the present walk: those that carry its number. Clearing the marks of a million rows would cost more
/// than a walk does, so that it happens in one walk of 255.
#[derive(Default)]
pub(crate) struct Visited {
    marks: Vec<u8>,
    present: u8,
}

impl Visited {
    /// Begins a walk over `rows` rows.
    pub(crate) fn begin(&mut self, rows: usize) {
        self.marks.resize(rows, 0);
        self.present = self.present.wrapping_add(1);
        if self.present == 0 {
            self.marks.fill(0);
            self.present = 1;
        }
    }

    /// Whether the row exists and was not marked before.
    pub(crate) fn mark(&mut self, row: u32) -> bool {
        self.marks
            .get_mut(row as usize)
            .is_some_and(|mark| std::mem::replace(mark, self.present) != self.present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_new_once_a_walk_through_more_walks_than_numbers() {
        let mut visited = Visited::default();
        for walk in 0..600u32 {
            visited.begin(700);
            assert!(visited.mark(walk), "walk {walk}");
            assert!(!visited.mark(walk), "walk {walk}");
            assert!(!visited.mark(700) && !visited.mark(u32::MAX));
        }
    }

    #[test]
    fn a_walk_over_fewer_or_more_rows_starts_clean() {
        let mut visited = Visited::default();
        for rows in [10, 3, 20, 0, 20] {
            visited.begin(rows);
            assert!((0..rows as u32).all(|row| visited.mark(row)));
            assert!(!visited.mark(rows as u32));
        }
    }
}
