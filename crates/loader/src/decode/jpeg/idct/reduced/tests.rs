use super::super::block;
use super::*;

fn random(state: &mut u64) -> i32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as i32
}

/// A block as it comes from photos, or from damaged files.
fn coefficients(state: &mut u64, wild: bool) -> [i16; 64] {
    let mut coefficients = [0; 64];
    for (at, coefficient) in coefficients.iter_mut().enumerate() {
        let range = if wild { 65_536 } else { 400 / (1 + at as i32 / 8 + at as i32 % 8) };
        *coefficient = (random(state) % range - range / 2) as i16;
    }
    coefficients
}

#[test]
fn samples_are_means_of_the_whole_transform() {
    let mut state = 1;
    for _ in 0..300 {
        let coefficients = coefficients(&mut state, false);
        let mut whole = [0; 64];
        block(&coefficients, &[1; 64], &mut whole, 8);
        if whole.iter().any(|&sample| sample == 0 || sample == 255) {
            continue;
        }
        for (side, samples) in [(4, &scalar::four(&coefficients)[..]), (2, &scalar::two(&coefficients))] {
            let step = 8 / side;
            for (at, &sample) in samples.iter().enumerate() {
                let (x, y) = (at % side * step, at / side * step);
                let sum: u32 = (0..step * step).map(|k| u32::from(whole[(y + k / step) * 8 + x + k % step])).sum();
                let mean = f64::from(sum) / (step * step) as f64;
                assert!((mean - f64::from(sample)).abs() < 1.2, "{side}: {mean} {sample}");
            }
        }
    }
}

#[test]
fn a_single_first_coefficient_is_flat() {
    for first in -1100..1100 {
        let mut coefficients = [0; 64];
        coefficients[0] = first;
        let sample = one(first);
        assert_eq!((scalar::four(&coefficients), scalar::two(&coefficients)), ([sample; 16], [sample; 4]));
    }
}

#[test]
fn a_corner_is_a_block_of_three_coefficients() {
    let mut state = 3;
    for round in 0..20_000 {
        let all = coefficients(&mut state, round % 2 == 0);
        let mut three = [0; 64];
        [0, 1, 8].iter().for_each(|&at| three[at] = all[at]);
        assert_eq!(two([0, 1, 8].map(|at| all[at])), scalar::two(&three));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_vector_version_gives_the_same_samples() {
    let Some(avx2) = Avx2::detect() else { return };
    let mut state = 7;
    for round in 0..20_000 {
        let mut corner = |wild| *coefficients(&mut state, wild).first_chunk().unwrap();
        let (a, b) = (corner(round % 2 == 0), corner(round % 3 == 0));
        let (a_steps, b_steps) = if round % 4 < 2 { ([1; 16], [3; 16]) } else { (corner(round % 8 < 6), corner(true)) };
        let expected = [scalar::four_of_corner(&a, &a_steps), scalar::four_of_corner(&b, &b_steps)];
        assert_eq!(avx2::four(avx2, [&a, &b], [&a_steps, &b_steps]), expected);
    }
}
