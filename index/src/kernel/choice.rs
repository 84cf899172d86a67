//! Which instructions this processor has, asked once, and the way from there to the code that is compiled for them.

#![allow(unsafe_code, reason = "calls of code that is compiled for detected instructions")]

use std::sync::OnceLock;

use super::LINE;
use super::int8::{self, Int8, Work};
use super::sketch::{LineQuery, Lines};
use super::work::{InOrder, Listed, Pair, Several};

/// The instructions that products of int8 codes run with. A value exists only for instructions that this processor has.
///
/// Every length is in whole lines of [`LINE`](super::LINE) values; what is past the last whole line is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernels(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

impl Kernels {
    /// The fastest kernels that this processor can run.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Kernels> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Self(Set::Portable)))
    }

    /// All kernels that this processor can run, the fastest last.
    fn available() -> Vec<Self> {
        let mut all = vec![Self(Set::Portable)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            all.push(Self(Set::Avx2));
            if is_x86_feature_detected!("avxvnni") {
                all.push(Self(Set::AvxVnni));
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                all.push(Self(Set::Avx512));
                if is_x86_feature_detected!("avx512vnni") {
                    all.push(Self(Set::Avx512Vnni));
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            all.push(Self(Set::Neon));
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                all.push(Self(Set::NeonDot));
            }
        }
        all
    }

    /// The products of `query` with rows of `codes`, in the order in which `rows` lists them; 0 for a row that is not
    /// there. A row is as long as the query.
    pub(crate) fn listed(self, query: &[i16], codes: &[i8], rows: &[u32], out: &mut [i32]) {
        self.run(Listed {
            query,
            codes,
            rows,
            out,
        });
    }

    /// The products of `query` with the rows that `codes` begins with, one for each place of `out`.
    pub(crate) fn in_order(self, query: &[i16], codes: &[i8], out: &mut [i32]) {
        self.run(InOrder { query, codes, out });
    }

    /// The products of each of [`SEVERAL`](super::SEVERAL) queries with listed rows, as [`Kernels::listed`] gives them;
    /// queries, and their products, one after another.
    pub(crate) fn several(self, queries: &[i16], codes: &[i8], rows: &[u32], out: &mut [i32]) {
        self.run(Several {
            queries,
            codes,
            rows,
            out,
        });
    }

    /// The products of `query` with lines, in the order in which `rows` lists them; minus infinity for a line that is not
    /// there.
    pub(crate) fn lines(self, query: &LineQuery, lines: &[[u8; LINE]], rows: &[u32], out: &mut [f32]) {
        self.run(Lines {
            query,
            lines,
            rows,
            out,
        });
    }

    /// The product of two rows, of codes from -127 to 127.
    pub(crate) fn pair(self, a: &[i8], b: &[i8]) -> i32 {
        self.run(Pair { a, b })
    }

    fn run<W: Work>(self, work: W) -> W::Output {
        // SAFETY: a value of `Kernels` names none but detected instructions.
        unsafe {
            match self.0 {
                Set::Portable => int8::portable::Portable::enter(work),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => int8::avx2::Avx2::enter(work),
                #[cfg(target_arch = "x86_64")]
                Set::AvxVnni => int8::avx2::AvxVnni::enter(work),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => int8::avx512::Avx512::enter(work),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512Vnni => int8::avx512::Avx512Vnni::enter(work),
                #[cfg(target_arch = "aarch64")]
                Set::Neon => int8::neon::Neon::enter(work),
                #[cfg(target_arch = "aarch64")]
                Set::NeonDot => int8::neon::NeonDot::enter(work),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SEVERAL;
    use super::*;
    use crate::kernel::{STRONG, WEAK};
    use crate::testing::Noise;

    fn codes(noise: &mut Noise, count: usize) -> Vec<i8> {
        noise.values(count).iter().map(|value| (value * 127.9) as i8).collect()
    }

    fn reference<T: Copy + Into<i64>>(a: &[T], b: &[i8]) -> i32 {
        a.iter()
            .zip(b)
            .map(|(x, y)| (*x).into() * i64::from(*y))
            .sum::<i64>()
            .try_into()
            .unwrap()
    }

    #[test]
    fn every_instruction_set_gives_the_exact_sums() {
        let mut noise = Noise::new(3);
        for length in [64, 128, 192, 512, 576, 1024] {
            let query: Vec<i16> = noise.values(length).iter().map(|x| (x * 32767.0) as i16).collect();
            let all = codes(&mut noise, 9 * length);
            let (first, second) = (&all[..length], &all[length..2 * length]);
            for kernels in Kernels::available() {
                let mut out = [7; 9];
                kernels.in_order(&query, &all, &mut out);
                let truth: Vec<_> = all.chunks(length).map(|row| reference(&query, row)).collect();
                assert_eq!(out, truth[..], "{kernels:?} {length}");
                let mut out = [7; 12];
                let rows = [8, 0, 3, 3, 7, 1, 2, 4, 9, u32::MAX, 5, 6];
                kernels.listed(&query, &all, &rows, &mut out);
                let listed = rows.map(|row| truth.get(row as usize).copied().unwrap_or(0));
                assert_eq!(out, listed, "{kernels:?} {length}");
                let queries: Vec<i16> = (1..=SEVERAL as i16)
                    .flat_map(|part| query.iter().map(move |x| x / part))
                    .collect();
                let mut out = [7; 12 * SEVERAL];
                kernels.several(&queries, &all, &rows, &mut out);
                for (query, out) in queries.chunks(length).zip(out.chunks(12)) {
                    let mut alone = [7; 12];
                    kernels.listed(query, &all, &rows, &mut alone);
                    assert_eq!(out, alone, "{kernels:?} {length}");
                }
                assert_eq!(
                    kernels.pair(first, second),
                    reference(first, second),
                    "{kernels:?} {length}"
                );
            }
        }
    }

    #[test]
    fn lines_are_multiplied_alike() {
        let mut noise = Noise::new(4);
        let lines: Vec<[u8; LINE]> = (0..40)
            .map(|_| {
                codes(&mut noise, LINE)
                    .try_into()
                    .map(|line: [i8; LINE]| line.map(i8::cast_unsigned))
                    .unwrap()
            })
            .chain([[0; LINE], [255; LINE], [0x81; LINE]])
            .collect();
        let rows: Vec<u32> = (0..lines.len() as u32).rev().chain([u32::MAX, 0, 43]).collect();
        let mut queries = vec![
            ([i16::MAX; STRONG], [127; WEAK], 8),
            ([i16::MIN + 1; STRONG], [-127; WEAK], 8),
        ];
        for shift in 0..=8 {
            let strong = noise
                .values(STRONG)
                .iter()
                .map(|x| (x * 32767.0) as i16)
                .collect::<Vec<_>>();
            let weak = noise.values(WEAK).iter().map(|x| (x * 127.0) as i8).collect::<Vec<_>>();
            queries.push((strong.try_into().unwrap(), weak.try_into().unwrap(), shift));
        }
        for (strong, weak, shift) in queries {
            let query = LineQuery::new(strong, weak, shift).unwrap();
            let product = |row: &u32| {
                lines
                    .get(*row as usize)
                    .map_or(f32::NEG_INFINITY, |line| query.product(line) as f32)
            };
            let truth: Vec<f32> = rows.iter().map(product).collect();
            for kernels in Kernels::available() {
                let mut out = vec![7.0; rows.len()];
                kernels.lines(&query, &lines, &rows, &mut out);
                assert_eq!(out, truth, "{kernels:?} {shift}");
            }
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        for length in [64, 512] {
            for (x, y) in [(32767, 127), (-32767, 127), (32767, -127), (-32767, -127)] {
                let (query, row, other) = (vec![x; length], vec![y; length], vec![-127; length]);
                for kernels in Kernels::available() {
                    let mut out = [0];
                    kernels.in_order(&query, &row, &mut out);
                    assert_eq!(out, [reference(&query, &row)], "{kernels:?}");
                    assert_eq!(kernels.pair(&row, &other), reference(&row, &other), "{kernels:?}");
                    assert_eq!(kernels.pair(&other, &row), reference(&row, &other), "{kernels:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        for kernels in Kernels::available() {
            let mut out = [5; 3];
            kernels.listed(&[1; 64], &[1; 100], &[0, 1, 2], &mut out);
            assert_eq!(out, [64, 0, 0]);
            kernels.in_order(&[1; 64], &[1; 127], &mut out);
            assert_eq!(out[0], 64);
            kernels.listed(&[], &[], &[0, 1, 2], &mut out);
            assert_eq!(out, [0, 0, 0]);
            let mut several = [5; 3 * SEVERAL];
            kernels.several(&[1; 64 * SEVERAL], &[1; 100], &[0, 1, u32::MAX], &mut several);
            assert!(several.chunks(3).all(|products| products == [64, 0, 0]));
            kernels.several(&[], &[], &[0, 1, 2], &mut several);
            assert_eq!(several, [0; 3 * SEVERAL]);
            assert_eq!(kernels.pair(&[1; 64], &[1; 63]), 0);
        }
    }
}
