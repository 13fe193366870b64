//! What the processor can do, found at run time.
//!
//! Kernels are written for three [`Level`]s. The environment variable `XFER_CPU` (`scalar`, `avx2` or `avx512`), read
//! once, keeps to a lower one than there is, to compare them or to find a fault; anything else changes nothing.
//! All levels give the same bytes. Tests force one with [`at_every_level`].

use std::sync::OnceLock;

/// What kernels are written for, from the plainest on; each has all of those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Plain Rust, which the others are tested against.
    Scalar,
    /// AVX2, with vectors of 256 bits.
    Avx2,
    /// AVX-512 with BW, DQ, VL, VBMI, VBMI2 and VNNI, with vectors of 512 bits: Ice Lake, Zen 4 and later.
    Avx512,
}

impl Level {
    const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The one that kernels keep to.
    #[inline]
    pub(crate) fn current() -> Self {
        #[cfg(test)]
        if let Some(forced) = forced::LEVEL.get() {
            return forced;
        }
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let most = std::env::var("XFER_CPU").ok().and_then(|name| Self::of_name(&name));
            Self::of_processor().min(most.unwrap_or(Self::Avx512))
        })
    }

    fn of_processor() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            let has_avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vbmi2")
                && is_x86_feature_detected!("avx512vnni");
            return if has_avx512 { Self::Avx512 } else { Self::Avx2 };
        }
        Self::Scalar
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// Proof that the processor has AVX2, and may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, at [`Level::Avx2`] and above.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        (Level::current() >= Level::Avx2).then_some(Self(()))
    }
}

/// Proof that the processor has what [`Level::Avx512`] names, and may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, at [`Level::Avx512`].
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        (Level::current() >= Level::Avx512).then_some(Self(()))
    }

    /// Where there is the one, there is the other.
    #[inline]
    pub(crate) fn avx2(self) -> Avx2 {
        Avx2(())
    }
}

/// Proof that the processor has AVX2 and the bit manipulation of BMI1 and BMI2, which nearly every one with AVX2 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bmi2(());

impl Bmi2 {
    /// The proof, where there are all three, at [`Level::Avx2`] and above.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if Level::current() >= Level::Avx2 && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
            return Some(Self(()));
        }
        None
    }
}

#[cfg(test)]
mod forced {
    use std::cell::Cell;

    use super::Level;

    thread_local! {
        pub(super) static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
    }
}

/// Runs `test` at each level that the processor has, on this thread.
#[cfg(test)]
pub(crate) fn at_every_level(mut test: impl FnMut(Level)) {
    struct Restored(Option<Level>);
    impl Drop for Restored {
        fn drop(&mut self) {
            forced::LEVEL.set(self.0);
        }
    }
    let _restored = Restored(forced::LEVEL.get());
    for level in Level::ALL.into_iter().filter(|&level| level <= Level::of_processor()) {
        forced::LEVEL.set(Some(level));
        test(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_those_below_and_none_above() {
        let mut levels = Vec::new();
        at_every_level(|level| {
            assert_eq!(Level::current(), level);
            assert_eq!(Avx2::detect().is_some(), level >= Level::Avx2);
            assert_eq!(Avx512::detect().is_some(), level >= Level::Avx512);
            assert!(Bmi2::detect().is_none() || level >= Level::Avx2);
            levels.push(level);
        });
        assert_eq!(levels.first(), Some(&Level::Scalar));
        assert_eq!(levels.last(), Some(&Level::of_processor()));
        assert!(Level::current() <= Level::of_processor());
    }

    #[test]
    fn levels_have_names() {
        for level in Level::ALL {
            assert_eq!(Level::of_name(level.name()), Some(level));
        }
        assert_eq!(Level::of_name("sse9"), None);
    }
}
