//! Sixteen pixels at a time, mirrored or not.
//!
//! Quotients are products with the reciprocal, corrected by what is left over: for levels, the same to the last bit, as
//! the tests show for each of them.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_cvtepi32_ps, _mm512_div_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_maskz_loadu_epi8,
    _mm512_maskz_permutexvar_epi8, _mm512_mul_ps, _mm512_set1_ps, _mm512_sub_ps,
};

use super::{CAFFE_MEANS, Preprocessing, TORCH_DEVIATIONS, TORCH_MEANS};
use crate::cpu::Avx512;

/// Values of a vector, and pixels of three.
const LANES: usize = 16;

/// Values that are worked on together. There must be as many.
pub(super) const TOGETHER: usize = 3 * LANES;

impl Avx512 {
    /// [`Preprocessing::apply`] of at least [`TOGETHER`] values.
    pub(super) fn standardize(self, preprocessing: Preprocessing, rgb: &[u8], out: &mut [f32]) {
        // SAFETY: an `Avx512` exists only where the processor has the features.
        unsafe { standardize(preprocessing, rgb, out, false) }
    }

    /// The same of a row of at least [`LANES`] pixels of three channels, mirrored.
    pub(super) fn standardize_mirrored(self, preprocessing: Preprocessing, rgb: &[u8], out: &mut [f32]) {
        // SAFETY: an `Avx512` exists only where the processor has the features.
        unsafe { standardize(preprocessing, rgb, out, true) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn standardize(preprocessing: Preprocessing, rgb: &[u8], out: &mut [f32], mirrored: bool) {
    match preprocessing {
        Preprocessing::None => each(rgb, out, (mirrored, false), |levels, _| levels),
        Preprocessing::Caffe => {
            let means = repeated(CAFFE_MEANS);
            each(rgb, out, (mirrored, true), |levels, vector| _mm512_sub_ps(levels, means[vector]));
        }
        Preprocessing::Tf => {
            let half = Divisor::new(_mm512_set1_ps(127.5));
            each(rgb, out, (mirrored, false), |levels, _| _mm512_sub_ps(half.divide(levels), _mm512_set1_ps(1.0)));
        }
        Preprocessing::Torch => {
            let most = Divisor::new(_mm512_set1_ps(255.0));
            let means = repeated(TORCH_MEANS);
            let [first, second, third] = repeated(TORCH_DEVIATIONS);
            let deviations = [Divisor::new(first), Divisor::new(second), Divisor::new(third)];
            each(rgb, out, (mirrored, false), |levels, vector| {
                deviations[vector].divide(_mm512_sub_ps(most.divide(levels), means[vector]))
            });
        }
    }
}

/// Where in [`TOGETHER`] bytes the lowest of each lane of a vector is.
const fn sources(vector: usize, mirrored: bool, swapped: bool) -> [u8; 4 * LANES] {
    let mut sources = [0; 4 * LANES];
    let mut lane = 0;
    while lane < LANES {
        let (pixel, channel) = ((vector * LANES + lane) / 3, (vector * LANES + lane) % 3);
        let pixel = if mirrored { LANES - 1 - pixel } else { pixel };
        let channel = if swapped { 2 - channel } else { channel };
        sources[lane * 4] = (pixel * 3 + channel) as u8;
        lane += 1;
    }
    sources
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn each(rgb: &[u8], out: &mut [f32], (mirrored, swapped): (bool, bool), of_levels: impl Fn(__m512, usize) -> __m512) {
    const LOWEST: u64 = 0x1111_1111_1111_1111;
    let sources: [__m512i; 3] = [0, 1, 2].map(|vector| bytemuck::cast(sources(vector, mirrored, swapped)));
    let length = out.len().min(rgb.len());
    let mut at = 0;
    while at < length {
        // The last ones are done twice where there is no multiple.
        at = at.min(length - TOGETHER);
        let from = if mirrored { length - TOGETHER - at } else { at };
        let bytes = load(&rgb[from..][..TOGETHER]);
        for (vector, out) in out[at..][..TOGETHER].as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let levels = _mm512_maskz_permutexvar_epi8(LOWEST, sources[vector], bytes);
            *out = bytemuck::cast(of_levels(_mm512_cvtepi32_ps(levels), vector));
        }
        at += TOGETHER;
    }
}

/// [`TOGETHER`] bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    assert!(bytes.len() >= TOGETHER);
    // SAFETY: no more bytes are read than there are.
    unsafe { _mm512_maskz_loadu_epi8((1 << TOGETHER) - 1, bytes.as_ptr().cast()) }
}

/// One value of three a lane, in turn.
#[inline]
#[target_feature(enable = "avx512f")]
fn repeated(values: [f32; 3]) -> [__m512; 3] {
    bytemuck::cast::<[[f32; 3]; LANES], _>([values; LANES])
}

/// A vector that others are divided by.
#[derive(Clone, Copy)]
struct Divisor {
    value: __m512,
    reciprocal: __m512,
}

impl Divisor {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(value: __m512) -> Self {
        Self { value, reciprocal: _mm512_div_ps(_mm512_set1_ps(1.0), value) }
    }

    /// Markstein's division: rounded right as long as nothing is out of the ordinary range.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn divide(self, dividend: __m512) -> __m512 {
        let quotient = _mm512_mul_ps(dividend, self.reciprocal);
        let rest = _mm512_fnmadd_ps(quotient, self.value, dividend);
        _mm512_fmadd_ps(rest, self.reciprocal, quotient)
    }
}
