//! A city: a skyline in the haze, buildings with rows of windows, a street with cars and lamps.

use super::canvas::{Canvas, Color, Rect, mix, shade};
use super::noise::Random;
use super::sky::{self, Sky};

const FACADES: [Color; 7] = [
    [0.62, 0.60, 0.57],
    [0.55, 0.35, 0.28],
    [0.74, 0.68, 0.58],
    [0.38, 0.42, 0.48],
    [0.30, 0.38, 0.47],
    [0.80, 0.79, 0.76],
    [0.47, 0.40, 0.36],
];
const CARS: [Color; 6] = [
    [0.72, 0.12, 0.12],
    [0.14, 0.22, 0.46],
    [0.85, 0.85, 0.86],
    [0.09, 0.09, 0.10],
    [0.88, 0.70, 0.10],
    [0.5, 0.52, 0.54],
];

pub(super) fn draw(canvas: &mut Canvas, random: &mut Random) {
    let (_, height) = canvas.size();
    let street = height * random.range(0.66, 0.84);
    let sky = sky::draw(canvas, random, street);
    skyline(canvas, random, street, sky);
    row_of_buildings(canvas, random, street, sky, 0.45, (0.08, 0.16), (0.3, 0.7));
    row_of_buildings(canvas, random, street, sky, 0.0, (0.13, 0.3), (0.25, 0.95));
    road(canvas, random, street, sky);
    lamps(canvas, random, street, sky);
    cars(canvas, random, street, sky);
}

fn skyline(canvas: &mut Canvas, random: &mut Random, street: f32, sky: Sky) {
    let (width, _) = canvas.size();
    let color = mix([0.42, 0.46, 0.52], sky.horizon, random.range(0.5, 0.7));
    let mut left = -random.unit() * width * 0.05;
    while left < width {
        let right = left + width * random.range(0.03, 0.09);
        let top = street * (1.0 - random.range(0.25, 0.62));
        let tone = shade(color, random.range(0.93, 1.07));
        canvas.rect(Rect { left, right, top, bottom: street }, |_, _| tone);
        if random.chance(0.2) {
            let middle = (left + right) / 2.0;
            canvas.line((middle, top), (middle, top - street * random.range(0.05, 0.12)), 1.0, tone);
        }
        left = right;
    }
}

/// `haze` is the share of air before the row; `widths` and `heights` are shares of the picture and of the sky.
fn row_of_buildings(
    canvas: &mut Canvas,
    random: &mut Random,
    street: f32,
    sky: Sky,
    haze: f32,
    widths: (f32, f32),
    heights: (f32, f32),
) {
    let (width, _) = canvas.size();
    let mut left = -random.unit() * width * 0.1;
    while left < width {
        let right = left + width * random.range(widths.0, widths.1);
        if random.chance(0.88) {
            let top = street * (1.0 - random.range(heights.0, heights.1));
            building(canvas, random, Rect { left, right, top, bottom: street }, sky, haze);
        }
        left = right + width * random.range(0.0, 0.02);
    }
}

fn building(canvas: &mut Canvas, random: &mut Random, body: Rect, sky: Sky, haze: f32) {
    let (width, _) = canvas.size();
    let air = |color: Color| mix(color, sky.horizon, haze);
    let wall = shade(*random.pick(&FACADES), sky.light * random.range(0.85, 1.1));
    let texture = random.noise();
    canvas.rect(body, |x, y| air(shade(wall, 0.9 + 0.2 * texture.fractal(x / 5.0, y / 5.0, 2))));
    // The side away from the light.
    let side = Rect { left: body.right - (body.right - body.left) * random.range(0.08, 0.2), ..body };
    canvas.rect(side, |_, _| air(shade(wall, 0.62)));
    windows(canvas, random, Rect { right: side.left, ..body }, &air, sky);
    let edge = Rect { bottom: body.top + 2.0, ..body };
    canvas.rect(edge, |_, _| air(shade(wall, 1.2)));
    if random.chance(0.35) {
        let tank = Rect {
            left: body.left + (body.right - body.left) * 0.2,
            right: body.left + (body.right - body.left) * 0.5,
            top: body.top - width * random.range(0.015, 0.05),
            bottom: body.top,
        };
        canvas.rect(tank, |_, _| air(shade(wall, 0.7)));
    }
    if random.chance(0.3) {
        let x = body.left + (body.right - body.left) * random.range(0.5, 0.8);
        canvas.line((x, body.top), (x, body.top - width * random.range(0.04, 0.1)), 1.2, air([0.25, 0.25, 0.27]));
    }
}

/// Rows of windows that mirror the sky, or long bands of glass; some are lit.
fn windows(canvas: &mut Canvas, random: &mut Random, wall: Rect, air: &impl Fn(Color) -> Color, sky: Sky) {
    let (width, _) = canvas.size();
    let storey = width * random.range(0.02, 0.036);
    let bay = if random.chance(0.25) { wall.right - wall.left } else { storey * random.range(0.6, 1.1) };
    let lit_share = random.range(0.02, 0.35) * (1.6 - sky.light);
    let glass = mix([0.12, 0.16, 0.22], sky.horizon, random.range(0.05, 0.45));
    let margin = storey * 0.5;
    let mut top = wall.top + margin;
    while top + storey * 0.6 < wall.bottom - storey * 0.5 {
        let mut left = wall.left + margin * 0.6;
        while left + bay * 0.55 < wall.right - margin * 0.3 {
            let right = (left + bay * 0.62).min(wall.right - margin * 0.3);
            let color =
                if random.chance(lit_share) { [0.98, 0.86, 0.55] } else { shade(glass, random.range(0.7, 1.35)) };
            canvas.rect(Rect { left, right, top, bottom: top + storey * 0.58 }, |_, _| air(color));
            left += bay;
        }
        top += storey;
    }
}

fn road(canvas: &mut Canvas, random: &mut Random, street: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let asphalt = shade([0.30, 0.30, 0.32], sky.light * random.range(0.8, 1.25));
    let paving = shade([0.60, 0.58, 0.55], sky.light);
    let texture = random.noise();
    let kerb = street + (height - street) * random.range(0.12, 0.22);
    let grainy = |color: Color, x: f32, y: f32| shade(color, 0.82 + 0.36 * texture.fractal(x / 2.5, y / 1.5, 3));
    canvas.below(kerb, |_| street, |x, y| grainy(paving, x, y));
    canvas.below(height, |_| kerb, |x, y| grainy(asphalt, x, y));
    canvas.rect(Rect { left: 0.0, right: width, top: kerb - 1.0, bottom: kerb + 1.5 }, |_, _| shade(paving, 1.2));
    let middle = kerb + (height - kerb) * random.range(0.45, 0.6);
    let thick = (height - kerb) * 0.05;
    let (dash, slant) = (width * random.range(0.08, 0.15), random.range(-0.04, 0.04));
    let mut x = -random.unit() * dash;
    while x < width {
        let y = middle + slant * (x - width / 2.0);
        canvas.line((x, y), (x + dash * 0.55, y + slant * dash * 0.55), thick, shade([0.92, 0.91, 0.86], sky.light));
        x += dash;
    }
}

fn lamps(canvas: &mut Canvas, random: &mut Random, street: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let gap = width * random.range(0.22, 0.45);
    let tall = height * random.range(0.2, 0.32);
    let metal = shade([0.20, 0.21, 0.23], sky.light);
    let foot = street + (height - street) * 0.1;
    let mut x = random.unit() * gap;
    while x < width {
        canvas.line((x, foot), (x, foot - tall), 1.8, metal);
        canvas.line((x, foot - tall), (x + tall * 0.16, foot - tall * 1.03), 1.5, metal);
        canvas
            .ellipse((x + tall * 0.18, foot - tall * 1.02), (tall * 0.045, tall * 0.02), 1.2, |_, _| [0.95, 0.92, 0.8]);
        x += gap;
    }
}

fn cars(canvas: &mut Canvas, random: &mut Random, street: f32, sky: Sky) {
    let (width, height) = canvas.size();
    for _ in 0..(random.unit() * 5.0) as usize {
        let depth = random.range(0.3, 0.85);
        let long = width * (0.08 + 0.14 * depth);
        let foot = street + (height - street) * depth;
        let rear = (random.range(-0.05, 0.95) * width, foot);
        car(canvas, random, rear, long, sky.light);
    }
}

fn car(canvas: &mut Canvas, random: &mut Random, rear: (f32, f32), long: f32, light: f32) {
    let paint = shade(*random.pick(&CARS), light);
    let (left, foot) = rear;
    let part = |from: f32, to: f32, high: f32, low: f32| Rect {
        left: left + long * from,
        right: left + long * to,
        top: foot - long * high,
        bottom: foot - long * low,
    };
    let under = (left + long * 0.5, foot);
    canvas.ellipse(under, (long * 0.55, long * 0.05), long * 0.06, |_, _| [0.08, 0.08, 0.09]);
    canvas.ellipse((left + long * 0.48, foot - long * 0.26), (long * 0.3, long * 0.15), 1.5, |_, _| shade(paint, 0.92));
    canvas.rect(part(0.26, 0.46, 0.36, 0.25), |_, _| [0.16, 0.20, 0.25]);
    canvas.rect(part(0.49, 0.68, 0.36, 0.25), |_, _| [0.20, 0.25, 0.30]);
    canvas.rect(part(0.02, 0.98, 0.25, 0.07), |_, y| {
        shade(paint, 1.1 - 0.4 * (y - (foot - long * 0.25)) / (long * 0.18))
    });
    for wheel in [0.22, 0.78] {
        let center = (left + long * wheel, foot - long * 0.06);
        canvas.ellipse(center, (long * 0.085, long * 0.085), 1.2, |_, _| [0.06, 0.06, 0.07]);
        canvas.ellipse(center, (long * 0.04, long * 0.04), 1.0, |_, _| [0.55, 0.56, 0.58]);
    }
}
