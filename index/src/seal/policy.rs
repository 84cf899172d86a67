//! When vectors are sealed, and which segments are merged: a pure function of sizes.
//!
//! Segments are kept in tiers, each for segments some times larger than the one below (as in size-tiered compaction of
//! log-structured merge trees): a vector is then written anew once a tier, and a search visits a few segments a tier.

/// When vectors are sealed and segments are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPolicy {
    /// So many vectors that are in no segment are worth one; scanning fewer takes well under a millisecond. At least 1.
    pub seal_at: u64,
    /// A tier's segments are so many times larger than those of the one below, and so many of them are merged. At
    /// least 2.
    pub factor: u64,
    /// A segment of whose vectors so many percent are dead is made anew.
    pub dead_percent: u64,
}

impl Default for SegmentPolicy {
    fn default() -> Self {
        Self {
            seal_at: 4_096,
            factor: 4,
            dead_percent: 25,
        }
    }
}

/// What the policy sees of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) live: u64,
    pub(super) dead: u64,
    pub(super) usable: bool,
}

/// Segments, by their places, that are to become one, perhaps with the vectors that are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) segments: Vec<usize>,
    pub(super) tail: bool,
}

impl SegmentPolicy {
    /// What is to be done while vectors keep coming.
    pub(super) fn due(&self, segments: &[Sizes], unsealed: u64) -> Option<Work> {
        let tail = unsealed >= self.seal_at.max(1);
        let unusable = places(segments, |sizes| !sizes.usable);
        if !unusable.is_empty() {
            return Some(Work {
                segments: unusable,
                tail,
            });
        }
        if let Some(tier) = self.full_tier(segments, tail.then_some(unsealed)) {
            return Some(Work {
                segments: places(segments, |sizes| self.tier(sizes.live) <= tier),
                tail: tail && self.tier(unsealed) <= tier,
            });
        }
        if tail {
            return Some(Work {
                segments: Vec::new(),
                tail,
            });
        }
        let half_dead = |sizes: &Sizes| {
            sizes.dead > 0 && sizes.dead * 100 >= (sizes.live + sizes.dead).saturating_mul(self.dead_percent)
        };
        let segments = places(segments, half_dead);
        (!segments.is_empty()).then_some(Work { segments, tail: false })
    }

    /// What is to be done when no more vectors come for a while: also everything into one segment, where the smaller
    /// ones have become a good part of the largest.
    pub(super) fn settling(&self, segments: &[Sizes], unsealed: u64) -> Option<Work> {
        self.due(segments, unsealed).or_else(|| {
            let largest = segments.iter().map(|sizes| sizes.live).max()?;
            let all: u64 = segments.iter().map(|sizes| sizes.live).sum();
            let smaller = all - largest;
            let worth_it = smaller >= self.seal_at && smaller.saturating_mul(self.factor) >= largest;
            worth_it.then(|| Work {
                segments: (0..segments.len()).collect(),
                tail: unsealed > 0,
            })
        })
    }

    /// The lowest tier that has its full number of segments, `tail` counted as one.
    fn full_tier(&self, segments: &[Sizes], tail: Option<u64>) -> Option<u32> {
        let tiers = || {
            let live = segments.iter().map(|sizes| sizes.live).chain(tail);
            live.map(|live| self.tier(live))
        };
        let full = |tier: &u32| tiers().filter(|other| other == tier).count() as u64 >= self.factor.max(2);
        tiers().filter(full).min()
    }

    /// Tier 0 holds segments of less than `factor` times what is worth one.
    fn tier(&self, live: u64) -> u32 {
        (live / self.seal_at.max(1)).max(1).ilog(self.factor.max(2))
    }
}

fn places(segments: &[Sizes], chosen: impl Fn(&Sizes) -> bool) -> Vec<usize> {
    let chosen = segments.iter().enumerate().filter(|(_, sizes)| chosen(sizes));
    chosen.map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: SegmentPolicy = SegmentPolicy {
        seal_at: 10,
        factor: 4,
        dead_percent: 25,
    };

    fn live(sizes: &[u64]) -> Vec<Sizes> {
        let segment = |live: &u64| Sizes {
            live: *live,
            dead: 0,
            usable: true,
        };
        sizes.iter().map(segment).collect()
    }

    fn work(segments: &[usize], tail: bool) -> Option<Work> {
        Some(Work {
            segments: segments.to_vec(),
            tail,
        })
    }

    #[test]
    fn nothing_is_due_where_little_is_unsealed() {
        assert_eq!(POLICY.due(&[], 0), None);
        assert_eq!(POLICY.due(&live(&[100, 40, 12]), 9), None);
        assert_eq!(POLICY.settling(&[], 0), None);
    }

    #[test]
    fn enough_unsealed_vectors_become_a_segment() {
        assert_eq!(POLICY.due(&[], 10), work(&[], true));
        assert_eq!(POLICY.due(&live(&[160, 10, 10]), 25), work(&[], true));
    }

    #[test]
    fn a_full_tier_is_merged_with_all_below_it() {
        assert_eq!(POLICY.due(&live(&[10, 12, 39]), 10), work(&[0, 1, 2], true));
        assert_eq!(POLICY.due(&live(&[10, 12, 39, 20]), 0), work(&[0, 1, 2, 3], false));
        assert_eq!(
            POLICY.due(&live(&[900, 40, 50, 10, 60, 70]), 3),
            work(&[1, 2, 3, 4, 5], false)
        );
        assert_eq!(
            POLICY.due(&live(&[10, 10, 10, 10]), 900),
            work(&[0, 1, 2, 3], false),
            "a large tail waits"
        );
    }

    #[test]
    fn segments_with_many_dead_vectors_are_made_anew() {
        let mut segments = live(&[75, 76, 500]);
        segments[0].dead = 25;
        segments[1].dead = 24;
        assert_eq!(POLICY.due(&segments, 3), work(&[0], false));
        segments[2] = Sizes {
            live: 0,
            dead: 7,
            usable: true,
        };
        assert_eq!(POLICY.due(&segments, 3), work(&[0, 2], false));
    }

    #[test]
    fn unusable_segments_come_first() {
        let mut segments = live(&[10, 10, 10, 10]);
        segments[2].usable = false;
        assert_eq!(POLICY.due(&segments, 3), work(&[2], false));
        assert_eq!(POLICY.due(&segments, 30), work(&[2], true));
    }

    #[test]
    fn settling_merges_everything_once_the_smaller_ones_are_a_quarter_of_the_largest() {
        assert_eq!(POLICY.settling(&live(&[100, 12, 12]), 4), None);
        assert_eq!(POLICY.settling(&live(&[100, 12, 13]), 4), work(&[0, 1, 2], true));
        assert_eq!(POLICY.settling(&live(&[100]), 4), None);
        assert_eq!(POLICY.settling(&live(&[8, 8]), 0), None, "too small to matter");
    }

    /// Sizes of segments after `batches` batches of `size` vectors each, and how often a vector was written.
    fn simulate(policy: SegmentPolicy, batches: u64, size: u64) -> (Vec<u64>, f64) {
        let (mut segments, mut unsealed, mut written): (Vec<u64>, _, _) = (Vec::new(), 0, 0);
        for _ in 0..batches {
            unsealed += size;
            while let Some(Work { segments: merged, tail }) = policy.due(&live(&segments), unsealed) {
                let mut sum: u64 = merged.iter().map(|place| segments[*place]).sum();
                if tail {
                    sum += std::mem::take(&mut unsealed);
                }
                let mut place = 0;
                segments.retain(|_| {
                    place += 1;
                    !merged.contains(&(place - 1))
                });
                segments.push(sum);
                written += sum;
            }
        }
        (segments, written as f64 / (batches * size) as f64)
    }

    #[test]
    fn a_million_vectors_are_in_few_segments_and_were_written_few_times() {
        let (segments, amplification) = simulate(SegmentPolicy::default(), 1_000_000 / 32, 32);
        assert!(segments.len() <= 12, "{segments:?}");
        assert!(amplification < 6.0, "{amplification}");
    }
}
