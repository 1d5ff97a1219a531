//! Which implementation of the micro-kernels runs, and the one place that chooses it.

/// An implementation of the micro-kernels.
///
/// A new one is a variant here, a line in [`ALL`](Self::ALL), in
/// [`is_available`](Self::is_available) and in [`name`](Self::name), a file under `tiles/` and its
/// row in `Tiles::of`; tests and benchmarks run over [`available`](Self::available) and find it by
/// themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Plain Rust: the specification, on every target.
    Scalar,
    /// WebAssembly's 128-bit vectors; wasm32 built with `target-feature=+simd128`.
    Simd128,
    /// WebAssembly's relaxed vectors; wasm32 built with `target-feature=+relaxed-simd` as well. A
    /// browser either takes the whole module or refuses it, so this is another module, not a choice
    /// at run time.
    Relaxed,
    /// AVX2 and FMA, detected at run time; x86-64.
    Avx2,
}

impl Variant {
    /// Every variant, from the slowest to the fastest.
    pub const ALL: &[Variant] = &[
        Variant::Scalar,
        Variant::Simd128,
        Variant::Relaxed,
        Variant::Avx2,
    ];

    /// Whether this build on this machine can run the variant.
    pub fn is_available(self) -> bool {
        match self {
            Variant::Scalar => true,
            Variant::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            Variant::Relaxed => cfg!(all(target_arch = "wasm32", target_feature = "relaxed-simd")),
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Variant::Avx2 => false,
        }
    }

    /// The variants that this build on this machine can run, from the slowest to the fastest.
    pub fn available() -> impl Iterator<Item = Variant> {
        Self::ALL
            .iter()
            .copied()
            .filter(|variant| variant.is_available())
    }

    /// The fastest available variant. Chosen once a process; in WebAssembly when the module is built, so
    /// that it holds no other.
    #[inline]
    pub fn best() -> Variant {
        #[cfg(target_arch = "wasm32")]
        return if Variant::Relaxed.is_available() {
            Variant::Relaxed
        } else if Variant::Simd128.is_available() {
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

    /// The variant's name in reports: `scalar`, `simd128`, `relaxed-simd`, `avx2`.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Scalar => "scalar",
            Variant::Simd128 => "simd128",
            Variant::Relaxed => "relaxed-simd",
            Variant::Avx2 => "avx2",
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
        assert_eq!(Variant::available().last(), Some(Variant::best()));
    }

    #[test]
    fn names_are_distinct() {
        for (i, a) in Variant::ALL.iter().enumerate() {
            assert!(Variant::ALL[..i].iter().all(|b| a.name() != b.name()));
        }
    }
}
