//! Weights in signed digits to base 256: what multiplies bytes without loss.

/// Digits of a weight: with one byte less than an `i32`, three are enough.
pub(super) const DIGITS: usize = 3;

/// Weights that multiply four bytes at once.
pub(super) const TAPS: usize = 4;

/// [`TAPS`] weights, the lowest digits of all, then the next, and the highest.
pub(super) type Digits = [[i8; TAPS]; DIGITS];

/// The digits of `weight`, the lowest first. It is less than 2 in size, with 22 bits after the point.
pub(super) fn digits(weight: i32) -> [i8; DIGITS] {
    // Half the base on: then the signed digits are the unsigned ones less half the base.
    let shifted = (weight + 0x80_80_80) as u32;
    [shifted as u8, (shifted >> 8) as u8, (shifted >> 16) as u8].map(|digit| (digit ^ 0x80) as i8)
}

/// Up to [`TAPS`] weights; those that are missing are zero.
pub(super) fn group(weights: &[i32]) -> Digits {
    let mut group = Digits::default();
    for (tap, &weight) in weights.iter().enumerate() {
        for (place, digit) in digits(weight).into_iter().enumerate() {
            group[place][tap] = digit;
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(digits: [i8; DIGITS]) -> i32 {
        digits.iter().rev().fold(0, |weight, &digit| weight * 256 + i32::from(digit))
    }

    #[test]
    fn digits_are_the_weight() {
        const END: i32 = 0x7f_7f_7f;
        for weight in (-END - 0x1_0101..=END).step_by(7).chain([0, 1, -1, 127, 128, -128, -129, 32_767, 32_768, END]) {
            assert_eq!(joined(digits(weight)), weight);
        }
        assert_eq!(joined(digits(1 << 22)), 1 << 22);
    }

    #[test]
    fn a_group_is_filled_up_with_zeros() {
        let group = group(&[5, -300]);
        assert_eq!([0, 1, 2, 3].map(|tap| joined([group[0][tap], group[1][tap], group[2][tap]])), [5, -300, 0, 0]);
    }
}
