//! One drawn transformation, and the affine map that it amounts to.

use super::warp::Affine;
use crate::generator::Compat;

/// What one sample gets in one epoch: what Keras' `get_random_transform` returns, with its names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transform {
    /// Rotation in degrees; see [`affine`](Self::affine).
    pub(crate) theta: f64,
    /// Shift in pixels, drawn from `height_shift_range`.
    pub(crate) tx: f64,
    /// Shift in pixels, drawn from `width_shift_range`.
    pub(crate) ty: f64,
    /// Shear angle in degrees.
    pub(crate) shear: f64,
    /// Zoom across: output pixels are this far apart in the input.
    pub(crate) zx: f64,
    /// Zoom down.
    pub(crate) zy: f64,
    pub(crate) flip_horizontal: bool,
    pub(crate) flip_vertical: bool,
    /// Added to all values.
    pub(crate) channel_shift: Option<f64>,
    /// Multiplies all values.
    pub(crate) brightness: Option<f64>,
}

impl Default for Transform {
    /// Leaves an image as it is.
    fn default() -> Self {
        Self {
            theta: 0.0,
            tx: 0.0,
            ty: 0.0,
            shear: 0.0,
            zx: 1.0,
            zy: 1.0,
            flip_horizontal: false,
            flip_vertical: false,
            channel_shift: None,
            brightness: None,
        }
    }
}

impl Transform {
    /// Whether nothing but flips happens, if that: bytes can stay bytes.
    pub(crate) fn is_flips_only(&self) -> bool {
        !self.warps() && self.channel_shift.is_none() && self.brightness.is_none()
    }

    fn warps(&self) -> bool {
        self.theta != 0.0 || self.tx != 0.0 || self.ty != 0.0 || self.shear != 0.0 || self.zx != 1.0 || self.zy != 1.0
    }

    /// Where each output pixel of an image of `(height, width)` pixels lies in the input; `None` where
    /// that is its own place, and Keras does not resample.
    ///
    /// With x to the right and y down from a centre, input = R T S Z output: rotation (content turns
    /// counter-clockwise for `theta` > 0), shift (content moves against it), shear, zoom. As Keras'
    /// `apply_affine_transform`, product by product. Keras 3 hands the shifts, and the two sides that
    /// give the centre, to the wrong axes.
    pub(crate) fn affine(&self, (height, width): (usize, usize), compat: Compat) -> Option<Affine> {
        if !self.warps() {
            return None;
        }
        let (shift, sides): (_, _) = match compat {
            Compat::Documented => ((self.ty, self.tx), (width, height)),
            Compat::Keras3 => ((self.tx, self.ty), (height, width)),
        };
        let mut product = None;
        let mut times = |factor: Matrix| product = Some(product.map_or(factor, |product| dot(&product, &factor)));
        if self.theta != 0.0 {
            let (sin, cos) = sin_cos(self.theta, compat);
            times([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]);
        }
        if shift != (0.0, 0.0) {
            times([[1.0, 0.0, shift.0], [0.0, 1.0, shift.1], [0.0, 0.0, 1.0]]);
        }
        if self.shear != 0.0 {
            let (sin, cos) = sin_cos(self.shear, compat);
            times([[1.0, -sin, 0.0], [0.0, cos, 0.0], [0.0, 0.0, 1.0]]);
        }
        if (self.zx, self.zy) != (1.0, 1.0) {
            times([[self.zx, 0.0, 0.0], [0.0, self.zy, 0.0], [0.0, 0.0, 1.0]]);
        }
        let product = product?;
        let centre = (sides.0 as f64 / 2.0 - 0.5, sides.1 as f64 / 2.0 - 0.5);
        let to_centre = [[1.0, 0.0, centre.0], [0.0, 1.0, centre.1], [0.0, 0.0, 1.0]];
        let from_centre = [[1.0, 0.0, -centre.0], [0.0, 1.0, -centre.1], [0.0, 0.0, 1.0]];
        let [x, y, _] = dot(&dot(&to_centre, &product), &from_centre);
        // From (x, y) to (row, column).
        Some(Affine { matrix: [[y[1], y[0]], [x[1], x[0]]], offset: [y[2], x[2]] })
    }
}

type Matrix = [[f64; 3]; 3];

/// `numpy.dot` as BLAS computes it: each product is added, unrounded, to the sum before it.
fn dot(a: &Matrix, b: &Matrix) -> Matrix {
    let element = |row: usize, column: usize| (0..3).fold(0.0, |sum, k| a[row][k].mul_add(b[k][column], sum));
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| element(row, column)))
}

/// Sine and cosine of an angle in degrees.
///
/// numpy asks C's library, as the standard library does; its last digit depends on the machine. `libm` is the
/// same everywhere, but not always C's.
fn sin_cos(degrees: f64, compat: Compat) -> (f64, f64) {
    let angle = degrees * (std::f64::consts::PI / 180.0);
    match compat {
        Compat::Documented => (libm::sin(angle), libm::cos(angle)),
        Compat::Keras3 => (angle.sin(), angle.cos()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where output (row, column) lies in an input of 5 x 9 pixels.
    fn input(transform: Transform, row: f64, column: f64, compat: Compat) -> [f64; 2] {
        let Affine { matrix, offset } = transform.affine((5, 9), compat).unwrap();
        [0, 1].map(|axis| {
            let place = matrix[axis][0] * row + matrix[axis][1] * column + offset[axis];
            (place * 1e9).round() / 1e9
        })
    }

    #[test]
    fn nothing_to_do_is_no_map() {
        let flips = Transform { flip_horizontal: true, flip_vertical: true, ..Transform::default() };
        assert_eq!(flips.affine((5, 9), Compat::Documented), None);
        assert_eq!(flips.affine((5, 9), Compat::Keras3), None);
        assert!(flips.is_flips_only());
        assert!(!Transform { zy: 0.9, ..flips }.is_flips_only());
        assert!(!Transform { channel_shift: Some(0.0), ..flips }.is_flips_only());
        assert!(!Transform { brightness: Some(1.0), ..flips }.is_flips_only());
    }

    #[test]
    fn height_shift_moves_rows_and_width_shift_columns() {
        let down = Transform { tx: 2.0, ..Transform::default() };
        let right = Transform { ty: 3.0, ..Transform::default() };
        assert_eq!(input(down, 1.0, 1.0, Compat::Documented), [3.0, 1.0]);
        assert_eq!(input(right, 1.0, 1.0, Compat::Documented), [1.0, 4.0]);
        // Keras 3 has them exchanged.
        assert_eq!(input(down, 1.0, 1.0, Compat::Keras3), [1.0, 3.0]);
        assert_eq!(input(right, 1.0, 1.0, Compat::Keras3), [4.0, 1.0]);
    }

    #[test]
    fn the_centre_stays() {
        for turn in [
            Transform { theta: 33.0, ..Transform::default() },
            Transform { shear: 20.0, ..Transform::default() },
            Transform { zx: 0.5, zy: 2.0, ..Transform::default() },
        ] {
            assert_eq!(input(turn, 2.0, 4.0, Compat::Documented), [2.0, 4.0]);
            // Keras 3 takes the row of the centre for its column.
            assert_eq!(input(turn, 4.0, 2.0, Compat::Keras3), [4.0, 2.0]);
        }
    }

    #[test]
    fn rotation_keeps_distances_in_pixels() {
        let quarter = Transform { theta: 90.0, ..Transform::default() };
        // What was right of the centre is above it: counter-clockwise.
        assert_eq!(input(quarter, 1.0, 4.0, Compat::Documented), [2.0, 5.0]);
        assert_eq!(input(quarter, 2.0, 8.0, Compat::Documented), [6.0, 4.0]);
    }

    #[test]
    fn zoom_below_one_zooms_in() {
        let zoom = Transform { zx: 0.5, zy: 1.0, ..Transform::default() };
        assert_eq!(input(zoom, 0.0, 0.0, Compat::Documented), [0.0, 2.0]);
    }
}
