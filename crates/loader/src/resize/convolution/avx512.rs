//! The sums in 512-bit vectors.
//!
//! `vpdpbusd` multiplies bytes by signed bytes and adds four products to each 32-bit lane. A weight in signed digits to
//! base 256 makes three sums, each of which may overflow; what they join to is the exact sum.

use std::arch::x86_64::{
    __m128i, __m512i, _MM_HINT_T0, _mm_mask_storeu_epi8, _mm_prefetch, _mm512_add_epi32, _mm512_castsi512_si128,
    _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_extracti32x4_epi32, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_max_epi32, _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutex2var_epi8,
    _mm512_permutexvar_epi8, _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_epi32,
    _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_srai_epi32, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::lanes::{BYTES, LANES, Lanes, Shape, Step, sources_of_pixel, taps_of_pixel};
use super::scalar::HALF;
use crate::cpu::Avx512;
use crate::resize::digits::{DIGITS, Digits, TAPS};
use crate::resize::weights::PRECISION_BITS;

impl Avx512 {
    /// `lanes` are usable, and prepared for `C` channels and `width` pixels a row.
    pub(super) fn horizontal<const C: usize>(
        self,
        pixels: &[u8],
        width: usize,
        lanes: &Lanes,
        out: &mut [u8],
        stride: usize,
    ) {
        // SAFETY: an `Avx512` exists only where the processor has the features.
        unsafe { horizontal::<C>(pixels, width * C, lanes, out, stride) }
    }

    /// A row of the result from the rows of its window, the first of which begins `rows`.
    pub(super) fn vertical(self, rows: &[u8], taps: usize, weights: &[Digits], out: &mut [u8]) {
        // SAFETY: an `Avx512` exists only where the processor has the features.
        unsafe { vertical(rows, taps, weights, out) }
    }
}

/// Rows that share a look at the weights.
const ROWS: usize = 4;

/// Sums of each digit.
type Sums = [__m512i; DIGITS];

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn horizontal<const C: usize>(pixels: &[u8], length: usize, lanes: &Lanes, out: &mut [u8], stride: usize) {
    for (four, out) in out.chunks_mut(stride * ROWS).enumerate() {
        // Where fewer are left, the last is done again.
        let last = out.len() / stride - 1;
        let rows: [&[u8]; ROWS] =
            std::array::from_fn(|row| &pixels[(four * ROWS + row.min(last)) * length..][..length]);
        match lanes.shape {
            Shape::Values => {
                values::<BYTES>(rows, lanes, (out, stride), |part, step| {
                    _mm512_permutexvar_epi8(cast(step.sources), load(part))
                });
            }
            Shape::FarValues => values::<{ 2 * BYTES }>(rows, lanes, (out, stride), |part, step| {
                _mm512_permutex2var_epi8(load(&part[..BYTES]), cast(step.sources), load(&part[BYTES..]))
            }),
            Shape::Pixel => pixel::<C>(rows, lanes, (out, stride)),
        }
    }
}

/// Block by block, of which a step takes `N` bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn values<const N: usize>(
    rows: [&[u8]; ROWS],
    lanes: &Lanes,
    (out, stride): (&mut [u8], usize),
    arranged: impl Fn(&[u8; N], &Step) -> __m512i,
) {
    // From four values of each row in each quarter to sixteen values of a row in each.
    const BY_ROW: [i32; LANES] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
    let count = out.len() / stride;
    let blocks = lanes.steps.chunks_exact(lanes.together).zip(lanes.starts.chunks_exact(lanes.together));
    for (block, (steps, starts)) in blocks.enumerate() {
        let mut sums = [zero(); ROWS];
        for (step, &start) in steps.iter().zip(starts) {
            let weights = step.weights.map(cast);
            let parts = parts::<N>(rows, start as usize);
            for (sums, part) in sums.iter_mut().zip(parts) {
                add(sums, arranged(part, step), weights);
            }
        }
        let [a, b, c, d] = shifted(sums);
        let bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        let bytes = _mm512_permutexvar_epi32(cast(BY_ROW), bytes);
        let bytes = [
            _mm512_castsi512_si128(bytes),
            _mm512_extracti32x4_epi32::<1>(bytes),
            _mm512_extracti32x4_epi32::<2>(bytes),
            _mm512_extracti32x4_epi32::<3>(bytes),
        ];
        let at = block * lanes.values;
        for (row, bytes) in bytes.into_iter().enumerate() {
            if row < count {
                // Of a block with fewer values, the next one writes over the rest.
                store_quarter(bytes, &mut out[row * stride + at..(row + 1) * stride]);
            }
        }
    }
}

/// `N` bytes of each row, which are equally long.
#[inline(always)]
fn parts<const N: usize>(rows: [&[u8]; ROWS], start: usize) -> [&[u8; N]; ROWS] {
    let length = rows[0].len();
    assert!(length >= N && start <= length - N);
    // SAFETY: of a row as long as the first, so many bytes are there, as has just been made sure.
    rows.map(|row| unsafe {
        debug_assert_eq!(row.len(), length);
        &*row.as_ptr().add(start).cast()
    })
}

/// Pixel by pixel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn pixel<const C: usize>(rows: [&[u8]; ROWS], lanes: &Lanes, (out, stride): (&mut [u8], usize)) {
    let count = out.len() / stride;
    const IN_QUARTERS: [i32; LANES] = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
    let taps = const { taps_of_pixel(C) };
    let sources = cast(const { sources_of_pixel(C) });
    let pixels = lanes.taps.chunks_exact(lanes.together * DIGITS * taps).zip(lanes.starts.chunks_exact(lanes.together));
    for (pixel, (weights, starts)) in pixels.enumerate() {
        let mut sums = [zero(); ROWS];
        for (weights, &start) in weights.chunks_exact(DIGITS * taps).zip(starts) {
            let weights = |digit: usize| {
                let weights = load(bytemuck::cast_slice(&weights[digit * taps..][..taps]));
                if C == 1 { weights } else { _mm512_permutexvar_epi32(cast(IN_QUARTERS), weights) }
            };
            let weights = [weights(0), weights(1), weights(2)];
            for (sums, row) in sums.iter_mut().zip(rows) {
                let part = &row[start as usize..][..taps * C];
                prefetch(part, ROWS * row.len());
                let part = load(part);
                let part = if C == 1 { part } else { _mm512_permutexvar_epi8(sources, part) };
                add(sums, part, weights);
            }
        }
        // Quarters of four vectors to one vector of their sums.
        let [a, b, c, d] = sums.map(|sums| joined(sums));
        let halves = |a, b| {
            _mm512_add_epi32(_mm512_shuffle_i32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b))
        };
        let (ab, cd) = (halves(a, b), halves(c, d));
        let mut sum = _mm512_add_epi32(
            _mm512_shuffle_i32x4::<0b10_00_10_00>(ab, cd),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(ab, cd),
        );
        if C == 1 {
            sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32::<0b01_00_11_10>(sum));
            sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32::<0b10_11_00_01>(sum));
        }
        let sum = _mm512_srai_epi32::<{ PRECISION_BITS }>(_mm512_add_epi32(sum, _mm512_set1_epi32(HALF)));
        let bytes: __m128i = _mm512_cvtusepi32_epi8(_mm512_max_epi32(sum, _mm512_setzero_si512()));
        let bytes: [[u8; 4]; ROWS] = bytemuck::cast(bytes);
        for (row, bytes) in bytes.iter().enumerate().take(count) {
            out[row * stride + pixel * C..][..C].copy_from_slice(&bytes[..C]);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn vertical(rows: &[u8], taps: usize, weights: &[Digits], out: &mut [u8]) {
    let stride = out.len();
    let rows = &rows[..taps * stride];
    for (chunk, out) in out.chunks_mut(BYTES).enumerate() {
        let (at, length) = (chunk * BYTES, out.len());
        let mut sums = [zero(); 4];
        for (group, weights) in weights.iter().enumerate() {
            // Past the window's end weights are zero.
            let row = |tap: usize| load(&rows[(group * TAPS + tap).min(taps - 1) * stride + at..][..length]);
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
            let columns = [
                _mm512_unpacklo_epi16(ab, cd),
                _mm512_unpackhi_epi16(ab, cd),
                _mm512_unpacklo_epi16(ab_high, cd_high),
                _mm512_unpackhi_epi16(ab_high, cd_high),
            ];
            let weights = weights.map(|digits| _mm512_set1_epi32(i32::from_le_bytes(bytemuck::cast(digits))));
            for (sums, columns) in sums.iter_mut().zip(columns) {
                add(sums, columns, weights);
            }
        }
        let [a, b, c, d] = shifted(sums);
        let bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        store(bytes, out);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn zero() -> Sums {
    [_mm512_setzero_si512(); DIGITS]
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add(sums: &mut Sums, bytes: __m512i, weights: [__m512i; DIGITS]) {
    for (sum, weights) in sums.iter_mut().zip(weights) {
        *sum = _mm512_dpbusd_epi32(*sum, bytes, weights);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn joined([low, middle, high]: Sums) -> __m512i {
    let upper = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), middle);
    _mm512_add_epi32(_mm512_slli_epi32::<8>(upper), low)
}

/// Whole levels, rounded and not yet clamped.
#[inline]
#[target_feature(enable = "avx512f")]
fn shifted([a, b, c, d]: [Sums; 4]) -> [__m512i; 4] {
    let shifted =
        |sums| _mm512_srai_epi32::<{ PRECISION_BITS }>(_mm512_add_epi32(joined(sums), _mm512_set1_epi32(HALF)));
    [shifted(a), shifted(b), shifted(c), shifted(d)]
}

#[inline]
fn cast<T: bytemuck::NoUninit>(bytes: T) -> __m512i {
    bytemuck::cast(bytes)
}

/// Wishes for what is so many bytes after `bytes`: in images that are far larger than the nearer caches, the same place
/// of the rows that are next. It may be past the end.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(bytes: &[u8], after: usize) {
    _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(after).cast());
}

/// Up to 64 bytes, and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    if let Some(bytes) = bytes.first_chunk::<BYTES>() {
        return cast(*bytes);
    }
    let mask = (1_u64 << bytes.len()) - 1;
    // SAFETY: only bytes of the mask are read, which are those of the slice.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// As many bytes as there is room for: where there is little, a mask is faster than copying so many.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(bytes: __m512i, out: &mut [u8]) {
    let mask = if out.len() < BYTES { (1 << out.len()) - 1 } else { u64::MAX };
    // SAFETY: only bytes of the mask are written, which are those of the slice.
    unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes) }
}

/// The same of 16 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn store_quarter(bytes: __m128i, out: &mut [u8]) {
    let mask = if out.len() < LANES { (1 << out.len()) - 1 } else { u16::MAX };
    // SAFETY: only bytes of the mask are written, which are those of the slice.
    unsafe { _mm_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes) }
}
