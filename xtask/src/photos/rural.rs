//! Countryside: hills, fields, trees, a track, sometimes a barn or a fence.

use super::canvas::{Canvas, Color, Rect, mix, shade};
use super::noise::{Noise, Random};
use super::sky::{self, Sky};

const GREENS: [Color; 4] = [[0.33, 0.47, 0.18], [0.42, 0.55, 0.22], [0.27, 0.42, 0.17], [0.50, 0.56, 0.26]];
const CROPS: [Color; 4] = [[0.80, 0.68, 0.30], [0.47, 0.58, 0.22], [0.62, 0.49, 0.28], [0.36, 0.52, 0.20]];
const LEAVES: [Color; 3] = [[0.16, 0.30, 0.11], [0.22, 0.37, 0.13], [0.30, 0.38, 0.14]];

pub(super) fn draw(canvas: &mut Canvas, random: &mut Random) {
    let (_, height) = canvas.size();
    let horizon = height * random.range(0.32, 0.55);
    let sky = sky::draw(canvas, random, horizon);
    if random.chance(0.5) {
        mountains(canvas, random, horizon, sky);
    }
    hills(canvas, random, horizon, sky);
    ground(canvas, random, horizon, sky);
    if random.chance(0.55) {
        track(canvas, random, horizon, sky);
    }
    if random.chance(0.35) {
        barn(canvas, random, horizon, sky);
    }
    trees(canvas, random, horizon, sky);
    if random.chance(0.4) {
        fence(canvas, random, sky);
    }
}

fn ridge(noise: Noise, width: f32, base: f32, rise: f32, detail: f32) -> impl Fn(f32) -> f32 {
    move |x| base - rise * noise.fractal(x / width * detail, 0.0, 4)
}

fn mountains(canvas: &mut Canvas, random: &mut Random, horizon: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let rise = height * random.range(0.15, 0.4);
    let top = ridge(random.noise(), width, horizon, rise, random.range(3.0, 5.0));
    let rock = mix([0.36, 0.42, 0.50], sky.horizon, random.range(0.35, 0.6));
    let texture = random.noise();
    canvas.below(horizon + 2.0, top, |x, y| shade(rock, 0.85 + 0.3 * texture.fractal(x / 18.0, y / 9.0, 3)));
}

fn hills(canvas: &mut Canvas, random: &mut Random, horizon: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let layers = 2 + usize::from(random.chance(0.5));
    for layer in 0..layers {
        let near = (layer + 1) as f32 / layers as f32;
        let base = horizon + height * 0.06 * near;
        let top = ridge(random.noise(), width, base, height * random.range(0.08, 0.2), random.range(1.5, 3.5));
        let green = shade(*random.pick(&GREENS), sky.light);
        let hazy = mix(green, sky.horizon, 0.55 * (1.0 - near) + 0.1);
        let texture = random.noise();
        canvas.below(base + 3.0, top, |x, y| shade(hazy, 0.72 + 0.55 * texture.fractal(x / 11.0, y / 5.0, 4)));
    }
}

/// Grass, a ripe field or furrows that run together at the horizon.
fn ground(canvas: &mut Canvas, random: &mut Random, horizon: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let crop = shade(*random.pick(&CROPS), sky.light);
    let grass = shade(*random.pick(&GREENS), sky.light);
    let (texture, patches) = (random.noise(), random.noise());
    let furrows = if random.chance(0.5) { random.range(12.0, 26.0) } else { 0.0 };
    let vanishing = width * random.range(0.2, 0.8);
    canvas.below(
        height,
        |_| horizon + 1.0,
        |x, y| {
            // One unit of depth covers fewer and fewer pixels towards the horizon.
            let depth = (y - horizon + 2.0) / (height - horizon);
            let across = (x - vanishing) / width / depth.max(0.02);
            let along = 1.0 / depth.max(0.02);
            let blades = texture.fractal(x / (2.0 + 5.0 * depth), y / (1.0 + 4.0 * depth), 3);
            let patch = patches.fractal(across * 1.5, along * 0.7, 3);
            let mut color = mix(grass, crop, ((patch - 0.42) * 5.0).clamp(0.0, 1.0));
            if furrows > 0.0 {
                let row = (across * furrows).sin() * depth.sqrt().min(1.0);
                color = shade(color, 1.0 + 0.22 * row);
            }
            mix(shade(color, 0.62 + 0.72 * blades), sky.horizon, 0.25 * (1.0 - depth).powi(4))
        },
    );
}

fn track(canvas: &mut Canvas, random: &mut Random, horizon: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let (start, end) = (width * random.range(0.2, 0.8), width * random.range(0.3, 0.7));
    let bend = width * random.range(-0.2, 0.2);
    let half = width * random.range(0.05, 0.11);
    let earth = shade([0.58, 0.48, 0.36], sky.light);
    let texture = random.noise();
    for row in (horizon as i32 + 2)..height as i32 {
        let depth = (row as f32 - horizon) / (height - horizon);
        let center = end + (start - end) * depth + bend * (depth * std::f32::consts::PI).sin();
        let reach = half * depth + 0.6;
        let line = Rect { left: center - reach, right: center + reach, top: row as f32, bottom: row as f32 + 1.0 };
        canvas.rect(line, |x, y| {
            let wheel = ((x - center).abs() / reach - 0.55).abs() < 0.25;
            shade(earth, if wheel { 0.95 } else { 0.75 } + 0.35 * texture.fractal(x / 4.0, y / 2.0, 2))
        });
    }
}

fn barn(canvas: &mut Canvas, random: &mut Random, horizon: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let size = height * random.range(0.07, 0.15);
    let left = random.range(0.05, 0.8) * width;
    let floor = horizon + height * random.range(0.03, 0.1);
    let wall = shade(*random.pick(&[[0.58, 0.19, 0.15], [0.80, 0.77, 0.70], [0.46, 0.37, 0.29]]), sky.light);
    let roof = shade([0.36, 0.30, 0.29], sky.light);
    let long = size * random.range(1.2, 1.9);
    let body = Rect { left, right: left + long, top: floor - size * 0.6, bottom: floor };
    canvas.rect(body, |x, _| shade(wall, if (x as i32) % 4 == 0 { 0.85 } else { 1.0 }));
    for step in 0..(size * 0.45) as i32 {
        let up = step as f32;
        let shrink = up * 0.9;
        let top = floor - size * 0.6 - up;
        let slice = Rect { left: left - 3.0 + shrink, right: left + long + 3.0 - shrink, top: top - 1.0, bottom: top };
        if slice.left < slice.right {
            canvas.rect(slice, |_, _| roof);
        }
    }
    let door = Rect { left: left + long * 0.4, right: left + long * 0.6, top: floor - size * 0.35, bottom: floor };
    canvas.rect(door, |_, _| shade(wall, 0.4));
}

/// From far to near, so that near ones stand before far ones.
fn trees(canvas: &mut Canvas, random: &mut Random, horizon: f32, sky: Sky) {
    let (width, height) = canvas.size();
    let mut stands: Vec<(f32, f32)> = Vec::new();
    for _ in 0..(6 + (random.unit() * 22.0) as usize) {
        stands.push((random.range(0.0, 0.12), random.unit()));
    }
    for _ in 0..(random.unit() * 5.0) as usize {
        stands.push((random.range(0.15, 0.6), random.unit()));
    }
    stands.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (depth, across) in stands {
        let foot = (across * width, horizon + 2.0 + depth * (height - horizon));
        let size = height * (0.05 + 0.75 * depth) * random.range(0.7, 1.3);
        let leaf = mix(shade(*random.pick(&LEAVES), sky.light), sky.horizon, (0.35 - depth * 2.0).clamp(0.0, 0.35));
        if random.chance(0.3) {
            conifer(canvas, random, foot, size, leaf);
        } else {
            broadleaf(canvas, random, foot, size, leaf);
        }
    }
}

fn broadleaf(canvas: &mut Canvas, random: &mut Random, foot: (f32, f32), size: f32, leaf: Color) {
    let trunk =
        Rect { left: foot.0 - size * 0.04, right: foot.0 + size * 0.04, top: foot.1 - size * 0.5, bottom: foot.1 };
    canvas.rect(trunk, |_, _| [0.24, 0.18, 0.13]);
    canvas.ellipse(foot, (size * 0.34, size * 0.05), size * 0.06, |_, _| [0.12, 0.17, 0.07]);
    let texture = random.noise();
    let grain = (size / 22.0).max(1.0);
    for _ in 0..9 {
        let center = (foot.0 + size * random.range(-0.26, 0.26), foot.1 - size * random.range(0.42, 0.88));
        let radius = size * random.range(0.12, 0.22);
        canvas.ellipse(center, (radius, radius), (radius * 0.3).max(1.0), |x, y| {
            let lit = 1.1 - 0.45 * ((y - center.1) / radius + (x - center.0) / radius * 0.5);
            shade(leaf, lit.clamp(0.5, 1.6) * (0.55 + 0.9 * texture.fractal(x / grain, y / grain, 2)))
        });
    }
}

fn conifer(canvas: &mut Canvas, random: &mut Random, foot: (f32, f32), size: f32, leaf: Color) {
    let texture = random.noise();
    let dark = shade(leaf, 0.75);
    let wide = size * random.range(0.18, 0.26);
    for row in (foot.1 - size) as i32..foot.1 as i32 {
        let down = (row as f32 - (foot.1 - size)) / size;
        let tier = 0.75 + 0.25 * (down * 7.0).fract();
        let reach = wide * down * tier * (0.8 + 0.4 * texture.at(0.0, row as f32 / 2.0));
        let line = Rect { left: foot.0 - reach, right: foot.0 + reach, top: row as f32, bottom: row as f32 + 1.0 };
        canvas.rect(line, |x, y| shade(dark, 0.6 + 0.8 * texture.fractal(x / 3.0, y / 3.0, 2)));
    }
}

fn fence(canvas: &mut Canvas, random: &mut Random, sky: Sky) {
    let (width, height) = canvas.size();
    let base = height * random.range(0.8, 0.95);
    let tall = height * random.range(0.09, 0.15);
    let slope = random.range(-0.12, 0.12);
    let wood = shade([0.45, 0.36, 0.27], sky.light);
    let y = |x: f32| base + slope * (x - width / 2.0);
    for rail in [0.35, 0.75] {
        let lift = tall * rail;
        canvas.line((0.0, y(0.0) - lift), (width, y(width) - lift), tall * 0.07, wood);
    }
    let gap = width * random.range(0.09, 0.16);
    let mut x = random.unit() * gap;
    while x < width {
        canvas.line((x, y(x)), (x, y(x) - tall), tall * 0.11, shade(wood, 0.85));
        x += gap;
    }
}
