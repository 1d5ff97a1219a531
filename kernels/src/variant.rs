//! Which implementation of the micro-kernels runs, and the one place that chooses it.

#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod dot;

use super::Layout;

/// An implementation of the micro-kernels.
///
/// A new one is a variant here, a line in [`ALL`](Self::ALL), in
/// [`is_available`](Self::is_available) and in [`name`](Self::name), a file under `tiles/` and its
/// row in `Tiles::of`; tests and benchmarks run over [`available`](Self::available) and find it by
/// themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Plain Rust: the specification. On every target, but in a module with vectors only for tests and
    /// measurements.
    Scalar,
    /// WebAssembly's 128-bit vectors; wasm32 built with `target-feature=+simd128`.
    Simd128,
    /// WebAssembly's relaxed vectors; wasm32 built with `target-feature=+relaxed-simd` as well. A
    /// browser either takes the whole module or refuses it, so this is another module, not a choice
    /// at run time.
    Relaxed,
    /// As `Relaxed`, but integers go through the relaxed dot product of 8-bit lanes. Every browser that
    /// runs the relaxed module can do it. It is the best where the processor has such an instruction,
    /// and half as fast elsewhere, so it is chosen at run time: see [`settle`](Self::settle).
    Dot,
    /// AVX2 and FMA, detected at run time; x86-64.
    Avx2,
    /// As `Avx2`, with the dot product of 8-bit lanes of AVX512-VNNI.
    Avx512Vnni,
    /// As `Avx2`, with the dot product of 8-bit lanes of AVX-VNNI.
    AvxVnni,
    /// Armv8's dot product of 8-bit lanes, detected at run time; AArch64.
    Sdot,
}

impl Variant {
    /// Every variant, from the slowest to the fastest.
    pub const ALL: &[Variant] = &[
        Variant::Scalar,
        Variant::Simd128,
        Variant::Relaxed,
        Variant::Dot,
        Variant::Avx2,
        Variant::Avx512Vnni,
        Variant::AvxVnni,
        Variant::Sdot,
    ];

    /// Whether this build on this machine can run the variant.
    pub fn is_available(self) -> bool {
        match self {
            Variant::Scalar => cfg!(any(
                not(all(target_arch = "wasm32", target_feature = "simd128")),
                test,
                feature = "bench"
            )),
            Variant::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            Variant::Relaxed | Variant::Dot => {
                cfg!(all(target_arch = "wasm32", target_feature = "relaxed-simd"))
            }
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512Vnni => {
                Variant::Avx2.is_available()
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Variant::AvxVnni => Variant::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "aarch64")]
            Variant::Sdot => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[allow(unreachable_patterns)] // each target has its own
            _ => false,
        }
    }

    /// The variants that this build on this machine can run, from the slowest to the fastest.
    pub fn available() -> impl Iterator<Item = Variant> {
        Self::ALL
            .iter()
            .copied()
            .filter(|variant| variant.is_available())
    }

    /// The variant that runs. Chosen once a process: the fastest that is available, and in WebAssembly
    /// the fastest that the module was built for, so that it holds no other.
    #[inline]
    pub fn best() -> Variant {
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        return if dot::is_chosen() {
            Variant::Dot
        } else {
            Variant::Relaxed
        };
        #[cfg(all(target_arch = "wasm32", not(target_feature = "relaxed-simd")))]
        return if Variant::Simd128.is_available() {
            Variant::Simd128
        } else {
            Variant::Scalar
        };
        #[cfg(not(target_arch = "wasm32"))]
        {
            static BEST: std::sync::OnceLock<Variant> = std::sync::OnceLock::new();
            *BEST.get_or_init(|| Self::available().last().unwrap_or(Variant::Scalar))
        }
    }

    /// Chooses between [`Relaxed`](Self::Relaxed) and [`Dot`](Self::Dot) where the module has both, and
    /// returns what [`best`](Self::best) is from then on. `wanted` is taken as it is. Without it `Dot`
    /// is chosen where a dot product is one instruction of the processor, unless it takes longer than
    /// `Relaxed` by `now`, which gives milliseconds.
    ///
    /// To be called before any weight is packed. Without a call the instruction alone decides.
    pub fn settle(wanted: Option<Variant>, now: &dyn Fn() -> f64) -> Variant {
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        dot::choose(match wanted {
            Some(variant) => variant == Variant::Dot,
            None => dot::is_one_instruction() && dot::is_faster(now),
        });
        let _ = (wanted, now);
        Self::best()
    }

    /// How weights of integers lie for this variant.
    pub fn layout(self) -> Layout {
        match self {
            Variant::Scalar | Variant::Simd128 | Variant::Relaxed | Variant::Avx2 => Layout::Pairs,
            Variant::Dot | Variant::AvxVnni | Variant::Avx512Vnni | Variant::Sdot => Layout::Quads,
        }
    }

    /// The variant's name in reports: `scalar`, `simd128`, `relaxed-simd`, `dot`, `avx2`, `avx512-vnni`,
    /// `avx-vnni`, `sdot`.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Scalar => "scalar",
            Variant::Simd128 => "simd128",
            Variant::Relaxed => "relaxed-simd",
            Variant::Dot => "dot",
            Variant::Avx2 => "avx2",
            Variant::Avx512Vnni => "avx512-vnni",
            Variant::AvxVnni => "avx-vnni",
            Variant::Sdot => "sdot",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_specification_is_always_there_and_the_best_is_available() {
        assert!(Variant::available().any(|variant| variant == Variant::Scalar));
        assert!(Variant::best().is_available());
        let dot_or_not = |variant| {
            if variant == Variant::Dot {
                Variant::Relaxed
            } else {
                variant
            }
        };
        let last = Variant::available().last();
        assert_eq!(last.map(dot_or_not), Some(dot_or_not(Variant::best())));
    }

    #[test]
    fn what_is_wanted_is_taken_where_there_is_a_choice() {
        let before = Variant::best();
        for wanted in [Variant::Dot, Variant::Relaxed, before] {
            let best = Variant::settle(Some(wanted), &|| 0.0);
            let has_choice = Variant::Dot.is_available();
            assert_eq!(best, if has_choice { wanted } else { before });
            assert_eq!(best, Variant::best());
        }
    }

    #[test]
    fn names_are_distinct() {
        for (i, a) in Variant::ALL.iter().enumerate() {
            assert!(Variant::ALL[..i].iter().all(|b| a.name() != b.name()));
        }
    }
}
