use super::super::Kernels;
use super::super::dot::Work;
use super::super::testing::PRECISIONS;
use super::*;

/// The tiles of so many rows, for all kernels.
struct TilesOf(usize);

impl Work for TilesOf {
    type Output = ();

    #[inline(always)]
    fn run<D: Dot>(self) {
        let Self(rows) = self;
        let tiles: Vec<_> = tiles::<D>(rows).collect();
        assert_eq!(tiles.len(), rows.div_ceil(D::rows(rows)));
        let (mut next, mut whole) = (0, Vec::new());
        for (first, size) in tiles {
            assert_eq!((first, first % D::ROWS_TOGETHER), (next, 0));
            assert!((1..=D::rows(rows)).contains(&size));
            next += size;
            whole.push(size.div_ceil(D::ROWS_TOGETHER));
        }
        assert_eq!(next, rows);
        let (smallest, largest) = (whole.iter().min(), whole.iter().max());
        assert!(
            smallest
                .zip(largest)
                .is_none_or(|(smallest, largest)| largest - smallest <= 1)
        );
    }
}

#[test]
fn tiles_are_even_and_follow_one_another() {
    for kernels in Kernels::available() {
        for precision in PRECISIONS {
            (0..100).for_each(|rows| kernels.run(precision, TilesOf(rows)));
        }
    }
}
