//! TensorFlow's two ways to pad a window operation.

/// What happens at the border of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Windows lie inside the image: `out = (n - k) / s + 1`.
    Valid,
    /// `out = ceil(n / s)`; what is missing is added, an odd remainder at the bottom and at the right.
    Same,
}

impl Padding {
    /// Output length along one axis of `n` for a window of `k` moved by `s`, or `None` where no window fits.
    pub fn output_size(self, n: usize, k: usize, s: usize) -> Option<usize> {
        match self {
            Self::Valid => n.checked_sub(k).map(|rest| rest / s + 1),
            Self::Same => (n > 0).then(|| n.div_ceil(s)),
        }
    }
}

/// How many elements `Padding::Same` adds before and after an axis of `n`.
///
/// `total = max((ceil(n/s) - 1) * s + k - n, 0)`, of which the smaller half comes first
/// (TensorFlow, `tf.nn`, "Notes on padding").
pub fn same_padding(n: usize, k: usize, s: usize) -> (usize, usize) {
    let out = n.div_ceil(s);
    let total = (out.saturating_sub(1) * s + k).saturating_sub(n);
    (total / 2, total - total / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from the formula.
    #[test]
    fn same_padding_is_tensorflows() {
        let golden = [
            // n, k, s, before, after, out
            (224, 3, 2, 0, 1, 112),
            (147, 3, 2, 1, 1, 74),
            (74, 3, 2, 0, 1, 37),
            (37, 3, 2, 1, 1, 19),
            (19, 3, 2, 1, 1, 10),
            (10, 3, 1, 1, 1, 10),
            (7, 7, 2, 3, 3, 4),
            (8, 7, 2, 2, 3, 4),
            (5, 1, 2, 0, 0, 3),
            (6, 1, 2, 0, 0, 3),
            (1, 3, 2, 1, 1, 1),
            (2, 3, 2, 0, 1, 1),
            (5, 2, 1, 0, 1, 5),
        ];
        for (n, k, s, before, after, out) in golden {
            assert_eq!(same_padding(n, k, s), (before, after), "n {n} k {k} s {s}");
            assert_eq!(Padding::Same.output_size(n, k, s), Some(out), "n {n} k {k} s {s}");
        }
    }

    #[test]
    fn valid_output_size() {
        assert_eq!(Padding::Valid.output_size(230, 7, 2), Some(112));
        assert_eq!(Padding::Valid.output_size(299, 3, 2), Some(149));
        assert_eq!(Padding::Valid.output_size(3, 3, 2), Some(1));
        assert_eq!(Padding::Valid.output_size(2, 3, 2), None);
    }
}
