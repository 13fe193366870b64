//! The transform in plain Rust, which the vector version is tested against.

use super::*;

pub(super) fn block(quantised: &[i16; 64], quantization: &[i16; 64]) -> [u8; 64] {
    let mut rows = [[0; 8]; 8];
    for (row, (quantised, steps)) in
        rows.iter_mut().zip(quantised.as_chunks::<8>().0.iter().zip(quantization.as_chunks::<8>().0))
    {
        for ((value, quantised), &step) in row.iter_mut().zip(quantised).zip(steps) {
            *value = quantised.wrapping_mul(step);
        }
    }
    // Where there is nothing but the first row, libjpeg-turbo has a short way, which does not saturate.
    let columns =
        if quantised[8..] == [0; 56] { [rows[0].map(|value| value << PASS1_BITS); 8] } else { pass(&rows, SHIFTS[0]) };
    let samples = transposed(&pass(&transposed(&columns), SHIFTS[1]));
    let mut out = [0; 64];
    for (out, samples) in out.as_chunks_mut::<8>().0.iter_mut().zip(&samples) {
        *out = samples.map(|value| to_sample(value.into()));
    }
    out
}

fn transposed(rows: &[[i16; 8]; 8]) -> [[i16; 8]; 8] {
    let mut columns = [[0; 8]; 8];
    for (x, column) in columns.iter_mut().enumerate() {
        for (y, value) in column.iter_mut().enumerate() {
            *value = rows[y][x];
        }
    }
    columns
}

/// One dimension, for eight columns at once, rounded to `shift` fewer bits and saturated.
fn pass(rows: &[[i16; 8]; 8], shift: u32) -> [[i16; 8]; 8] {
    let mut out = [[0; 8]; 8];
    for lane in 0..8 {
        let column = [0, 1, 2, 3, 4, 5, 6, 7].map(|row: usize| rows[row][lane]);
        let [r0, r1, r2, r3, r4, r5, r6, r7] = column.map(i32::from);
        // Sums of 16 bits wrap.
        let sum = |a: usize, b: usize| i32::from(column[a].wrapping_add(column[b]));

        // Even part.
        let z1 = (r2 + r6).wrapping_mul(FIX_0_541196100);
        let tmp2 = z1.wrapping_sub(r6.wrapping_mul(FIX_1_847759065));
        let tmp3 = z1.wrapping_add(r2.wrapping_mul(FIX_0_765366865));
        let tmp0 = sum(0, 4) << CONST_BITS;
        let tmp1 = i32::from((r0 - r4) as i16) << CONST_BITS;
        let even = [tmp0.wrapping_add(tmp3), tmp1.wrapping_add(tmp2), tmp1.wrapping_sub(tmp2), tmp0.wrapping_sub(tmp3)];

        // Odd part.
        let z1 = (r7 + r1).wrapping_mul(-FIX_0_899976223);
        let z2 = (r5 + r3).wrapping_mul(-FIX_2_562915447);
        let (z3, z4) = (sum(7, 3), sum(5, 1));
        let z5 = (z3 + z4).wrapping_mul(FIX_1_175875602);
        let z3 = z3.wrapping_mul(-FIX_1_961570560).wrapping_add(z5);
        let z4 = z4.wrapping_mul(-FIX_0_390180644).wrapping_add(z5);
        let odd = [
            r1.wrapping_mul(FIX_1_501321110).wrapping_add(z1).wrapping_add(z4),
            r3.wrapping_mul(FIX_3_072711026).wrapping_add(z2).wrapping_add(z3),
            r5.wrapping_mul(FIX_2_053119869).wrapping_add(z2).wrapping_add(z4),
            r7.wrapping_mul(FIX_0_298631336).wrapping_add(z1).wrapping_add(z3),
        ];

        for k in 0..4 {
            out[k][lane] = descale(even[k].wrapping_add(odd[k]), shift);
            out[7 - k][lane] = descale(even[k].wrapping_sub(odd[k]), shift);
        }
    }
    out
}

fn descale(value: i32, shift: u32) -> i16 {
    (value.wrapping_add(1 << (shift - 1)) >> shift).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}
