//! Drawing a [`Transform`]: from a sample's own stream, or as Keras 3 draws.

use super::Transform;
use crate::generator::{ImageDataGenerator, Shift};
use crate::random::{KeyedRng, Mt19937};

impl Transform {
    /// Draws for an image of `(height, width)` pixels, in a fixed order: one draw for each thing that can
    /// happen whether it is on or not, so that switching one augmentation on leaves the draws of the
    /// others as they were.
    pub(crate) fn draw(generator: &ImageDataGenerator, (height, width): (usize, usize), rng: &mut KeyedRng) -> Self {
        // The order is fixed for ever: a new augmentation draws last.
        let flip_horizontal = rng.uniform() < 0.5;
        let theta = around_zero(generator.rotation_range, rng.uniform());
        let tx = shift(&generator.height_shift_range, height, rng.uniform());
        let ty = shift(&generator.width_shift_range, width, rng.uniform());
        let shear = around_zero(generator.shear_range, rng.uniform());
        let (low, high) = (generator.zoom_range.low, generator.zoom_range.high);
        let zx = between(low, high, rng.uniform());
        let zy = between(low, high, rng.uniform());
        let flip_vertical = rng.uniform() < 0.5;
        let channel_shift = around_zero(generator.channel_shift_range, rng.uniform());
        let brightness = rng.uniform();
        Self {
            theta,
            tx,
            ty,
            shear,
            zx,
            zy,
            flip_horizontal: generator.horizontal_flip && flip_horizontal,
            flip_vertical: generator.vertical_flip && flip_vertical,
            channel_shift: (generator.channel_shift_range != 0.0).then_some(channel_shift),
            brightness: generator.brightness_range.map(|(low, high)| between(low, high, brightness)),
        }
    }

    /// Draws what Keras 3's `get_random_transform` draws from `numpy.random` in the state of `rng`: only for
    /// what is on, but always for the flips.
    pub(crate) fn draw_keras3(
        generator: &ImageDataGenerator,
        (height, width): (usize, usize),
        rng: &mut Mt19937,
    ) -> Self {
        let theta = uniform_keras3(generator.rotation_range, rng);
        let tx = shift_keras3(&generator.height_shift_range, height, rng);
        let ty = shift_keras3(&generator.width_shift_range, width, rng);
        let shear = uniform_keras3(generator.shear_range, rng);
        let (low, high) = (generator.zoom_range.low, generator.zoom_range.high);
        let (zx, zy) =
            if (low, high) == (1.0, 1.0) { (1.0, 1.0) } else { (rng.uniform(low, high), rng.uniform(low, high)) };
        let flip_horizontal = rng.random_sample() < 0.5;
        let flip_vertical = rng.random_sample() < 0.5;
        let range = generator.channel_shift_range;
        let channel_shift = (range != 0.0).then(|| rng.uniform(-range, range));
        let brightness = generator.brightness_range.map(|(low, high)| rng.uniform(low, high));
        Self {
            theta,
            tx,
            ty,
            shear,
            zx,
            zy,
            flip_horizontal: generator.horizontal_flip && flip_horizontal,
            flip_vertical: generator.vertical_flip && flip_vertical,
            channel_shift,
            brightness,
        }
    }
}

/// A draw from `[0, 1)` stretched to `[low, high)`.
fn between(low: f64, high: f64, draw: f64) -> f64 {
    low + (high - low) * draw
}

/// A draw from `[0, 1)` stretched to `[-most, most)`.
fn around_zero(most: f64, draw: f64) -> f64 {
    between(-most, most, draw)
}

/// A draw from `[0, 1)` to a shift in pixels of an image whose side has `side` pixels.
fn shift(range: &Shift, side: usize, draw: f64) -> f64 {
    match range {
        Shift::Fraction(most) => around_zero(*most, draw) * side as f64,
        Shift::Pixels(most) => around_zero(*most, draw),
        Shift::WholePixels(0) => 0.0,
        Shift::WholePixels(bound) => {
            let most = f64::from(bound - 1);
            (draw * (2.0 * most + 1.0)).floor() - most
        }
        Shift::OneOf(list) => {
            let place = (draw * (2 * list.len()) as f64) as usize;
            let sign = if place.is_multiple_of(2) { 1.0 } else { -1.0 };
            list.get(place / 2).map_or(0.0, |shift| sign * shift * unit(list, side))
        }
    }
}

/// What the numbers of a list are multiples of.
fn unit(list: &[f64], side: usize) -> f64 {
    if Shift::are_fractions(list) { side as f64 } else { 1.0 }
}

fn uniform_keras3(most: f64, rng: &mut Mt19937) -> f64 {
    if most == 0.0 { 0.0 } else { rng.uniform(-most, most) }
}

fn shift_keras3(range: &Shift, side: usize, rng: &mut Mt19937) -> f64 {
    match range {
        Shift::Fraction(most) => uniform_keras3(*most, rng) * side as f64,
        Shift::Pixels(most) => uniform_keras3(*most, rng),
        Shift::WholePixels(0) => 0.0,
        Shift::WholePixels(bound) => {
            let size = f64::from(rng.randint(*bound));
            size * sign_keras3(rng)
        }
        Shift::OneOf(list) => {
            if list.is_empty() {
                return 0.0;
            }
            // No list of a checked generator is longer than a u32 counts.
            let shift = list[rng.randint(list.len() as u32) as usize];
            shift * sign_keras3(rng) * unit(list, side)
        }
    }
}

/// `numpy.random.choice([-1, 1])`.
fn sign_keras3(rng: &mut Mt19937) -> f64 {
    if rng.randint(2) == 0 { -1.0 } else { 1.0 }
}
