//! The two vector operations that the head is made of, with a fixed order of summation: the same operands
//! give the same bits on any machine, and the loops vectorise.

/// Partial sums that a [`dot`] keeps; a power of two, so that they fold by halves.
const LANES: usize = 16;

/// The inner product of two vectors of equal length.
///
/// Element `i` is added to partial sum `i % LANES`; the partial sums are then folded by halves.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    fold(lanes)
}

/// The sum of a vector, in the order of [`dot`].
pub(crate) fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for chunk in values.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    fold(lanes)
}

/// `to += scale * from`, element by element.
pub(crate) fn add_scaled(to: &mut [f32], scale: f32, from: &[f32]) {
    debug_assert_eq!(to.len(), from.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        let (low, high) = lanes.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(&*high) {
            *low += high;
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(len: usize, salt: f32) -> Vec<f32> {
        (0..len).map(|i| ((i as f32 + salt) * 0.7).sin()).collect()
    }

    #[test]
    fn dot_agrees_with_double_precision_at_any_length() {
        for len in [0, 1, 15, 16, 17, 100, 2048, 2051] {
            let (a, b) = (values(len, 0.0), values(len, 0.5));
            let exact: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            let size: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a * b).abs()).sum();
            assert!((f64::from(dot(&a, &b)) - exact).abs() <= 1e-6 * size, "length {len}");
        }
    }

    #[test]
    fn the_order_of_summation_is_the_documented_one() {
        let (a, b) = (values(37, 0.0), values(37, 0.25));
        let mut lanes = [0.0f32; 16];
        for i in 0..37 {
            lanes[i % 16] += a[i] * b[i];
        }
        for width in [8, 4, 2, 1] {
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        assert_eq!(dot(&a, &b).to_bits(), lanes[0].to_bits());
    }

    #[test]
    fn a_sum_is_a_product_with_ones() {
        let a = values(53, 0.1);
        assert_eq!(sum(&a).to_bits(), dot(&a, &[1.0; 53]).to_bits());
    }

    #[test]
    fn scaled_vectors_are_added_in_place() {
        let mut to = vec![1.0, 2.0, 3.0];
        add_scaled(&mut to, -0.5, &[2.0, 4.0, 8.0]);
        assert_eq!(to, [0.0, 0.0, -1.0]);
    }
}
