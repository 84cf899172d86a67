//! Which instructions this processor has, asked once, and the way from there to the code that is compiled for them.

#![allow(unsafe_code, reason = "calls of code that is compiled for detected instructions")]

use std::sync::OnceLock;

use super::dot::fixed::FixedF32;
use super::dot::{self, Dot, Encoding, Float, WideBf16, Work};
use super::lanes;
use super::layout::{Layout, Precision};

/// The instructions that all kernels of a tower run with. A value exists only for instructions that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernels {
    lanes: Set,
    /// Whether there are instructions for products of bf16.
    bf16: bool,
    /// Whether there are instructions for dot products of int8.
    int8: bool,
    /// Whether there are tile registers, of which both are products.
    tiles: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernels {
    /// The fastest kernels that this processor can run.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Kernels> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Self::of(Set::Portable, false, false)))
    }

    /// All kernels that this processor can run, the fastest last.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Self::of(Set::Portable, false, false)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            all.push(Self::of(Set::Avx2, false, false));
            if is_x86_feature_detected!("avxvnni") {
                all.push(Self::of(Set::Avx2, false, true));
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                let (bf16, int8) = (
                    is_x86_feature_detected!("avx512bf16"),
                    is_x86_feature_detected!("avx512vnni"),
                );
                all.push(Self::of(Set::Avx512, false, false));
                if int8 {
                    all.push(Self::of(Set::Avx512, false, true));
                }
                if bf16 {
                    // Intel's processors multiply bf16 in AVX-512 at half the rate of f32.
                    let faster = usize::from(vendor_is_intel());
                    all.insert(all.len() - faster, Self::of(Set::Avx512, true, int8));
                }
                #[cfg(target_os = "linux")]
                if bf16 && int8 && dot::amx::granted() {
                    all.push(Self {
                        tiles: true,
                        ..Self::of(Set::Avx512, true, true)
                    });
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            all.push(Self::of(Set::Neon, false, false));
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                all.push(Self::of(Set::Neon, false, true));
            }
        }
        all
    }

    /// Without tile registers.
    const fn of(lanes: Set, bf16: bool, int8: bool) -> Self {
        Self {
            lanes,
            bf16,
            int8,
            tiles: false,
        }
    }

    /// Whether products of bf16 are faster than those of f32.
    pub(crate) fn has_bf16(self) -> bool {
        self.bf16
    }

    /// What attention in a tower of `precision` multiplies in: bf16 where that is faster, but for f32. What softmax makes of
    /// scores is not for int8.
    pub(crate) fn attention(self, precision: Precision) -> Precision {
        match precision {
            Precision::Bf16 | Precision::Int8 if self.bf16 => Precision::Bf16,
            _ => Precision::F32,
        }
    }

    /// What a tower of `precision` multiplies in whose inputs have many tokens: f32 by bf16's tile registers where there are
    /// such. For few rows weights would be split oftener than they are multiplied.
    pub(crate) fn of_many_tokens(self, precision: Precision) -> Precision {
        match precision {
            Precision::F32 if self.tiles => Precision::SplitF32,
            other => other,
        }
    }

    /// As many rows pass some weights before the next ones come from memory by themselves, so that these are fetched early. On
    /// an AMD EPYC that would be in the way of what is needed now, for more than a few rows; an Intel Xeon brings too little by
    /// itself, however many there are, and has room for both.
    pub(super) fn rows_that_wait() -> usize {
        static ROWS: OnceLock<usize> = OnceLock::new();
        *ROWS.get_or_init(|| if is_intel_with_room() { usize::MAX } else { 16 })
    }

    /// What a person calls them.
    pub(crate) fn name(self) -> &'static str {
        if self.tiles {
            return "AVX-512 and AMX";
        }
        match (self.lanes, self.bf16, self.int8) {
            (Set::Portable, ..) => "portable",
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2, _, false) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            (Set::Avx2, _, true) => "AVX2 with VNNI",
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, false, false) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, false, true) => "AVX-512 with VNNI",
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, true, false) => "AVX-512 with BF16",
            #[cfg(target_arch = "x86_64")]
            (Set::Avx512, true, true) => "AVX-512 with VNNI and BF16",
            #[cfg(target_arch = "aarch64")]
            (Set::Neon, _, false) => "NEON",
            #[cfg(target_arch = "aarch64")]
            (Set::Neon, _, true) => "NEON with dot products",
        }
    }

    /// How these kernels arrange the weights of a matrix.
    pub(crate) fn layout(self, precision: Precision) -> Layout {
        struct OfDot(Precision);

        impl Work for OfDot {
            type Output = Layout;

            #[inline(always)]
            fn run<D: Dot>(self) -> Layout {
                Layout::of::<D>(self.0)
            }
        }

        self.run(precision, OfDot(precision))
    }

    /// How these kernels store the rows of a product.
    pub(super) fn encoding(self, precision: Precision) -> Encoding {
        struct OfDot;

        impl Work for OfDot {
            type Output = Encoding;

            #[inline(always)]
            fn run<D: Dot>(self) -> Encoding {
                D::ENCODING
            }
        }

        self.run(precision, OfDot)
    }

    /// Runs `work` with the instructions for products of `precision`; [`Precision::F32`] is right for what needs none.
    pub(super) fn run<W: Work>(self, precision: Precision, work: W) -> W::Output {
        // SAFETY: a value of `Kernels` names none but detected instructions.
        unsafe {
            match (self.lanes, precision) {
                (Set::Portable, Precision::F32 | Precision::SplitF32) => {
                    Float::<lanes::portable::Portable>::enter(work)
                }
                (Set::Portable, Precision::FixedF32) => FixedF32::<lanes::portable::Portable>::enter(work),
                (Set::Portable, Precision::Bf16) => WideBf16::<lanes::portable::Portable>::enter(work),
                (Set::Portable, Precision::Int8) => dot::portable::Pairs::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx2, Precision::F32 | Precision::SplitF32) => Float::<lanes::avx2::Avx2>::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx2, Precision::FixedF32) => FixedF32::<lanes::avx2::Avx2>::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx2, Precision::Bf16) => WideBf16::<lanes::avx2::Avx2>::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx2, Precision::Int8) if self.int8 => dot::avx2::Vnni::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx2, Precision::Int8) => dot::avx2::Pairs::enter(work),
                #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                (Set::Avx512, Precision::SplitF32) if self.tiles => dot::amx::split::SplitF32::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx512, Precision::F32 | Precision::SplitF32) => Float::<lanes::avx512::Avx512>::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx512, Precision::FixedF32) => FixedF32::<lanes::avx512::Avx512>::enter(work),
                #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                (Set::Avx512, Precision::Bf16) if self.tiles => dot::amx::Bf16::enter(work),
                #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                (Set::Avx512, Precision::Int8) if self.tiles => dot::amx::Int8::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx512, Precision::Bf16) if self.bf16 => dot::avx512::Bf16::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx512, Precision::Bf16) => WideBf16::<lanes::avx512::Avx512>::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx512, Precision::Int8) if self.int8 => dot::avx512::Vnni::enter(work),
                #[cfg(target_arch = "x86_64")]
                (Set::Avx512, Precision::Int8) => dot::avx512::Pairs::enter(work),
                #[cfg(target_arch = "aarch64")]
                (Set::Neon, Precision::F32 | Precision::SplitF32) => Float::<lanes::neon::Neon>::enter(work),
                #[cfg(target_arch = "aarch64")]
                (Set::Neon, Precision::FixedF32) => FixedF32::<lanes::neon::Neon>::enter(work),
                #[cfg(target_arch = "aarch64")]
                (Set::Neon, Precision::Bf16) => WideBf16::<lanes::neon::Neon>::enter(work),
                #[cfg(target_arch = "aarch64")]
                (Set::Neon, Precision::Int8) if self.int8 => dot::neon::Quads::enter(work),
                #[cfg(target_arch = "aarch64")]
                (Set::Neon, Precision::Int8) => dot::neon::Pairs::enter(work),
            }
        }
    }
}

/// Whether the processor is Intel's, with an L2 cache of 1 MiB or more.
#[cfg(target_arch = "x86_64")]
fn is_intel_with_room() -> bool {
    if !vendor_is_intel() {
        return false;
    }
    // "Deterministic cache parameters" of Intel's manual: each field is one less than what it says.
    let level_two = (0..8)
        .map(|index| std::arch::x86_64::__cpuid_count(4, index))
        .take_while(|cache| cache.eax & 0x1f != 0)
        .find(|cache| cache.eax >> 5 & 7 == 2);
    level_two.is_some_and(|cache| {
        let [ways, partitions, line] = [cache.ebx >> 22, cache.ebx >> 12 & 0x3ff, cache.ebx & 0xfff];
        let factors = [ways, partitions, line, cache.ecx].map(|less_one| u64::from(less_one) + 1);
        factors.iter().product::<u64>() >= 1 << 20
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn is_intel_with_room() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
fn vendor_is_intel() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
}
