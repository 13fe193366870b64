//! Twice as many samples across, 32 at a time to 64.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi32_si128, _mm512_add_epi16, _mm512_cvtepu8_epi16, _mm512_or_si512, _mm512_set1_epi16,
    _mm512_slli_epi16, _mm512_srl_epi16,
};

use crate::cpu::Avx512;

/// Samples of a vector: a row must have as many.
pub(super) const LANES: usize = 32;

/// [`widen`](super::widen) of `near`, or of three quarters of it and one of `far`, rounded to `shift` fewer bits.
pub(super) fn double(
    _: Avx512,
    (near, far): (&[u8], Option<&[u8]>),
    (shift, biases): (u32, [u16; 2]),
    sums: &mut Vec<u16>,
    out: &mut [u8],
) {
    let width = near.len();
    sums.resize(width + 2, 0);
    // SAFETY: an `Avx512` exists only where the processor has the features.
    unsafe {
        add(near, far, &mut sums[1..=width]);
        (sums[0], sums[width + 1]) = (sums[1], sums[width]);
        widen(sums, (shift, biases), &mut out[..width * 2]);
    }
}

/// The last ones are done twice where `width` is no multiple.
fn places(width: usize) -> impl Iterator<Item = usize> {
    (0..width).step_by(LANES).map(move |at| at.min(width - LANES))
}

#[target_feature(enable = "avx512f,avx512bw")]
fn add(near: &[u8], far: Option<&[u8]>, sums: &mut [u16]) {
    for at in places(near.len()) {
        let samples = |row: &[u8]| _mm512_cvtepu8_epi16(bytemuck::cast(*chunk(&row[at..])));
        let mut sum = samples(near);
        if let Some(far) = far {
            sum = _mm512_add_epi16(thrice(sum), samples(far));
        }
        sums[at..][..LANES].copy_from_slice(&bytemuck::cast::<_, [u16; LANES]>(sum));
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn widen(sums: &[u16], (shift, [left_bias, right_bias]): (u32, [u16; 2]), out: &mut [u8]) {
    let shift = _mm_cvtsi32_si128(shift as i32);
    for at in places(out.len() / 2) {
        let near = thrice(bytemuck::cast(*chunk(&sums[at + 1..])));
        let side = |at, bias: u16| {
            let sum = _mm512_add_epi16(near, bytemuck::cast(*chunk(&sums[at..])));
            _mm512_srl_epi16(_mm512_add_epi16(sum, _mm512_set1_epi16(bias as i16)), shift)
        };
        let both = _mm512_or_si512(side(at, left_bias), _mm512_slli_epi16::<8>(side(at + 2, right_bias)));
        out[at * 2..][..LANES * 2].copy_from_slice(bytemuck::bytes_of(&both));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn thrice(values: __m512i) -> __m512i {
    _mm512_add_epi16(_mm512_add_epi16(values, values), values)
}

/// The next values, as many as a vector has.
#[inline]
fn chunk<T>(values: &[T]) -> &[T; LANES] {
    &values[..LANES].as_chunks().0[0]
}
