//! Mean and standard deviation of one image, to the bit as numpy has them.

/// Mean of all `values`: `numpy.mean` of a contiguous `float32` array.
pub(super) fn mean(values: &[f32]) -> f32 {
    divide(pairwise_sum(values, &|value| value), values.len())
}

/// Population standard deviation of all `values`: `numpy.std` of a contiguous `float32` array.
pub(super) fn standard_deviation(values: &[f32]) -> f32 {
    let mean = mean(values);
    let squares = pairwise_sum(values, &|value| (value - mean) * (value - mean));
    divide(squares, values.len()).sqrt()
}

/// numpy divides by a 64-bit count, so in double precision.
pub(super) fn divide(sum: f32, count: usize) -> f32 {
    (f64::from(sum) / count as f64) as f32
}

/// The sum of `term` over `values` in the order of numpy's `pairwise_sum`: up to 128 terms in eight interleaved sums,
/// longer runs as the sum of their halves.
pub(super) fn pairwise_sum(values: &[f32], term: &impl Fn(f32) -> f32) -> f32 {
    const BLOCK: usize = 128;
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left, term) + pairwise_sum(right, term);
    }
    let (eights, rest) = values.as_chunks::<8>();
    let sum = match eights.split_first() {
        None => 0.0,
        Some((first, eights)) => {
            let mut sums = first.map(term);
            for eight in eights {
                for (sum, &value) in sums.iter_mut().zip(eight) {
                    *sum += term(value);
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            ((a + b) + (c + d)) + ((e + f) + (g + h))
        }
    };
    rest.iter().fold(sum, |sum, &value| sum + term(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(len: u32) -> Vec<f32> {
        (0..len).map(|i| (i * 7919 % 2551) as f32 / 10.0).collect()
    }

    // x = (np.arange(n) * 7919 % 2551).astype(np.float32) / np.float32(10); x.mean(), x.std(); numpy 2.4.6.
    #[test]
    fn sums_are_those_of_numpy_to_the_bit() {
        for (len, expected) in [
            (1, (0.0, 0.0)),
            (5, (53.2, 37.618084)),
            (13, (100.73076, 76.1484)),
            (128, (124.61953, 74.341896)),
            (137, (125.51242, 74.36628)),
            (300, (126.39066, 73.97641)),
            (8_200, (127.49296, 73.644325)),
            (150_528, (127.49887, 73.64099)),
        ] {
            let values = pattern(len);
            assert_eq!((mean(&values), standard_deviation(&values)), expected, "{len}");
        }
    }
}
