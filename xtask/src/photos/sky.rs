//! The sky over both scenes: a gradient, clouds, sometimes a sun.

use super::canvas::{Canvas, Color, mix};
use super::noise::Random;

/// What the light is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sky {
    /// Colour at the top of the picture.
    top: Color,
    /// Colour at the horizon, also that of distant haze.
    pub(super) horizon: Color,
    cloud: Color,
    /// Share of the sky that is clouded.
    clouds: f32,
    /// How bright things on the ground are.
    pub(super) light: f32,
}

const SKIES: [Sky; 5] = [
    Sky { top: [0.23, 0.46, 0.82], horizon: [0.75, 0.86, 0.95], cloud: [0.98, 0.98, 0.99], clouds: 0.35, light: 1.0 },
    Sky { top: [0.32, 0.56, 0.88], horizon: [0.82, 0.89, 0.94], cloud: [0.96, 0.97, 0.98], clouds: 0.55, light: 0.97 },
    Sky { top: [0.58, 0.62, 0.67], horizon: [0.80, 0.82, 0.84], cloud: [0.72, 0.74, 0.77], clouds: 0.8, light: 0.8 },
    Sky { top: [0.30, 0.36, 0.58], horizon: [0.96, 0.72, 0.50], cloud: [0.86, 0.56, 0.50], clouds: 0.45, light: 0.78 },
    Sky { top: [0.16, 0.38, 0.75], horizon: [0.66, 0.82, 0.95], cloud: [1.0, 1.0, 1.0], clouds: 0.1, light: 1.04 },
];

/// Paints the sky down to `horizon` (in pixels) and a little below it.
pub(super) fn draw(canvas: &mut Canvas, random: &mut Random, horizon: f32) -> Sky {
    let sky = *random.pick(&SKIES);
    let noise = random.noise();
    let scale = random.range(3.0, 6.0);
    let (width, _) = canvas.size();
    canvas.below(
        horizon + 2.0,
        |_| 0.0,
        |x, y| {
            let height = (y / horizon).clamp(0.0, 1.0);
            let air = mix(sky.top, sky.horizon, height.powf(1.3));
            // Clouds are flat and close together near the horizon.
            let depth = 0.25 + height;
            let density = noise.fractal(x / width * scale * depth, y / width * scale * depth * 2.2, 5);
            let cover = ((density - (0.75 - 0.5 * sky.clouds)) * 5.0).clamp(0.0, 0.92);
            let lit = mix(sky.cloud, sky.top, (density - 0.5).clamp(0.0, 0.4));
            mix(air, lit, cover)
        },
    );
    if sky.clouds < 0.5 && random.chance(0.4) {
        let center = (random.range(0.1, 0.9) * width, random.range(0.1, 0.6) * horizon);
        let radius = width * random.range(0.012, 0.025);
        canvas.ellipse(center, (radius, radius), radius * 2.5, |_, _| [1.0, 0.97, 0.86]);
    }
    sky
}
