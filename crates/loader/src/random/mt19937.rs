//! numpy's legacy `RandomState`: the Mersenne Twister, and how numpy makes doubles and integers of it.

/// Words of state.
const N: usize = 624;
/// How far ahead the recurrence looks.
const M: usize = 397;

/// `numpy.random.RandomState(seed)`: the same draws, bit for bit.
///
/// Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998), MT19937.
#[derive(Clone, Debug)]
pub(crate) struct Mt19937 {
    state: [u32; N],
    next: usize,
}

impl Mt19937 {
    /// Seeded as `numpy.random.seed` seeds: Knuth's recurrence (`init_genrand`).
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let last = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: N }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// Uniform in `[0, 1)`, with 53 random bits of two words.
    pub(crate) fn random_sample(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random_sample()
    }

    /// Uniform in `0..=max`: words are masked to the bits of `max` and drawn again where they are above it.
    /// A `max` of 0 draws nothing.
    fn interval(&mut self, max: u32) -> u32 {
        if max == 0 {
            return 0;
        }
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let value = self.next_u32() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// `randint(bound)`, and the index that `choice` takes of `bound` things: uniform in `0..bound`. A
    /// `bound` of 1 draws nothing; so does 0, for which numpy has an error.
    pub(crate) fn randint(&mut self, bound: u32) -> u32 {
        self.interval(bound.saturating_sub(1))
    }

    /// `permutation(n)`: `0..n` shuffled from the end (Fisher-Yates).
    pub(crate) fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last as usize, self.interval(last) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What numpy 2.4 gives: `RandomState(seed).permutation(n)`.
    #[test]
    fn permutations_are_those_of_numpy() {
        let golden: [(u32, &[u32]); 5] = [
            (0, &[2, 0, 1, 3, 4]),
            (1, &[2, 3, 4, 10, 1, 6, 0, 7, 11, 9, 8, 5]),
            (7, &[3, 5, 0, 2, 1, 4]),
            (123, &[14, 5, 4, 17, 8, 7, 19, 12, 0, 15, 16, 9, 11, 10, 3, 1, 6, 18, 2, 13]),
            (42, &[8, 1, 5, 0, 7, 2, 9, 4, 3, 6]),
        ];
        for (seed, order) in golden {
            assert_eq!(Mt19937::new(seed).permutation(order.len() as u32), order, "seed {seed}");
        }
        let sum = |order: Vec<u32>| -> u64 { order.iter().zip(1..).map(|(&place, k)| u64::from(place) * k).sum() };
        assert_eq!(sum(Mt19937::new(9).permutation(100_000)), 249_577_694_266_388);
        assert_eq!(sum(Mt19937::new(u32::MAX).permutation(65_537)), 70_464_279_409_061);
        assert!(Mt19937::new(0).permutation(0).is_empty());
        assert_eq!(Mt19937::new(0).permutation(1), [0]);
    }

    // What numpy 2.4 gives; the last ones after 1,000 doubles, which is past three twists.
    #[test]
    fn draws_are_those_of_numpy() {
        let mut rng = Mt19937::new(4_294_967_295);
        let first = [rng.random_sample(), rng.uniform(-20.0, 20.0)];
        assert_eq!(first.map(f64::to_bits), GOLDEN_FIRST);
        assert_eq!([rng.randint(10_000_000), rng.randint(1), rng.randint(3), rng.randint(1 << 31)], GOLDEN_INTEGERS);
        for _ in 0..1_000 {
            rng.random_sample();
        }
        assert_eq!([rng.random_sample(), rng.uniform(0.8, 1.2)].map(f64::to_bits), GOLDEN_LATER);
    }

    const GOLDEN_FIRST: [u64; 2] = [4_591_699_549_773_514_784, 4_625_336_235_753_226_078];
    const GOLDEN_INTEGERS: [u32; 4] = [4_653_562, 0, 1, 1_217_888_032];
    const GOLDEN_LATER: [u64; 2] = [4_590_325_656_546_301_368, 4_606_890_141_151_896_803];
}
