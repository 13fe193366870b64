//! An image to paint on: linear blending of colours, soft edges, and what a camera adds.

use super::noise::{Random, lerp};

/// Red, green, blue, each between 0 and 1.
pub(super) type Color = [f32; 3];

/// Rows of pixels from the top.
#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

/// A rectangle in pixels; edges may lie within a pixel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rect {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Canvas {
        Canvas { width, height, pixels: vec![[0.0; 3]; width * height] }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// Width and height as numbers to compute with.
    pub(super) fn size(&self) -> (f32, f32) {
        (self.width as f32, self.height as f32)
    }

    /// Lays `color` over a pixel, `cover` of it between 0 and 1; outside the image nothing happens.
    pub(super) fn blend(&mut self, x: i32, y: i32, color: Color, cover: f32) {
        let (Ok(column), Ok(row)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if column < self.width && row < self.height && cover > 0.0 {
            let pixel = &mut self.pixels[row * self.width + column];
            *pixel = mix(*pixel, color, cover.min(1.0));
        }
    }

    /// Fills everything below the line `y = top(x)` down to `bottom`, with a colour for each pixel.
    pub(super) fn below(&mut self, bottom: f32, top: impl Fn(f32) -> f32, color: impl Fn(f32, f32) -> Color) {
        let last = (bottom.ceil() as i32).min(self.height as i32);
        for x in 0..self.width as i32 {
            let edge = top(x as f32 + 0.5);
            for y in (edge.floor() as i32).max(0)..last {
                let cover = (y as f32 + 1.0 - edge).clamp(0.0, 1.0) * (bottom - y as f32).clamp(0.0, 1.0);
                self.blend(x, y, color(x as f32, y as f32), cover);
            }
        }
    }

    /// Fills a rectangle with a colour for each pixel.
    pub(super) fn rect(&mut self, rect: Rect, color: impl Fn(f32, f32) -> Color) {
        let (first_x, last_x) = span(rect.left, rect.right, self.width);
        let (first_y, last_y) = span(rect.top, rect.bottom, self.height);
        for y in first_y..last_y {
            let cover_y = overlap(y, rect.top, rect.bottom);
            for x in first_x..last_x {
                self.blend(x, y, color(x as f32, y as f32), cover_y * overlap(x, rect.left, rect.right));
            }
        }
    }

    /// Fills an ellipse whose edge is `soft` pixels wide, with a colour for each pixel.
    pub(super) fn ellipse(
        &mut self,
        center: (f32, f32),
        radius: (f32, f32),
        soft: f32,
        color: impl Fn(f32, f32) -> Color,
    ) {
        let (first_x, last_x) = span(center.0 - radius.0 - soft, center.0 + radius.0 + soft, self.width);
        let (first_y, last_y) = span(center.1 - radius.1 - soft, center.1 + radius.1 + soft, self.height);
        for y in first_y..last_y {
            for x in first_x..last_x {
                let (dx, dy) = ((x as f32 + 0.5 - center.0) / radius.0, (y as f32 + 0.5 - center.1) / radius.1);
                let outside = (dx.hypot(dy) - 1.0) * radius.0.min(radius.1);
                self.blend(x, y, color(x as f32, y as f32), (0.5 - outside / soft).clamp(0.0, 1.0));
            }
        }
    }

    /// A straight line of some width.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, color: Color) {
        let (first_x, last_x) = span(from.0.min(to.0) - width, from.0.max(to.0) + width, self.width);
        let (first_y, last_y) = span(from.1.min(to.1) - width, from.1.max(to.1) + width, self.height);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).max(1e-6);
        for y in first_y..last_y {
            for x in first_x..last_x {
                let (px, py) = (x as f32 + 0.5 - from.0, y as f32 + 0.5 - from.1);
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let distance = (px - along * dx).hypot(py - along * dy);
                self.blend(x, y, color, width / 2.0 + 0.5 - distance);
            }
        }
    }

    /// What a camera adds: exposure, a little contrast, darker corners, grain.
    pub(super) fn expose(&mut self, random: &mut Random) {
        let gain = random.range(0.88, 1.1);
        let contrast = random.range(0.92, 1.12);
        let warmth = random.range(-0.03, 0.03);
        let corners = random.range(0.0, 0.28);
        let grain = random.range(0.01, 0.035);
        let (width, height) = self.size();
        for (index, pixel) in self.pixels.iter_mut().enumerate() {
            let x = (index % self.width) as f32 / width - 0.5;
            let y = (index / self.width) as f32 / height - 0.5;
            let light = gain * (1.0 - corners * 2.0 * (x * x + y * y));
            let noise = grain * (random.unit() + random.unit() - 1.0);
            for (channel, tint) in pixel.iter_mut().zip([warmth, 0.0, -warmth]) {
                *channel = (*channel * light - 0.5) * contrast + 0.5 + tint + noise;
            }
        }
    }

    /// Pixels as bytes, row by row, red, green, blue.
    pub(super) fn rgb(&self) -> Vec<u8> {
        self.pixels.iter().flatten().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
    }
}

/// `a` with `t` of `b` in it.
pub(super) fn mix(a: Color, b: Color, t: f32) -> Color {
    [lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t)]
}

/// The colour, lighter (above 1) or darker.
pub(super) fn shade(color: Color, factor: f32) -> Color {
    color.map(|value| value * factor)
}

fn span(low: f32, high: f32, size: usize) -> (i32, i32) {
    ((low.floor() as i32).max(0), (high.ceil() as i32).min(size as i32))
}

/// How much of the pixel at `position` lies between `low` and `high`.
fn overlap(position: i32, low: f32, high: f32) -> f32 {
    let position = position as f32;
    ((position + 1.0).min(high) - position.max(low)).clamp(0.0, 1.0)
}
