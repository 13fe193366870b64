//! Whose behaviour is followed where Keras does not do what it documents.

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;

/// Whose random draws and geometry augmentation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compat {
    /// What Keras documents: `height_shift_range` moves rows, `width_shift_range` columns; rotation, shear
    /// and zoom are about the centre of the image. Draws depend on (seed, epoch, sample) alone, and are
    /// the same on every machine.
    #[default]
    Documented,
    /// What Keras 3 does, bit for bit: its draws from numpy's Mersenne Twister, and its geometry.
    /// `height_shift_range` moves the image left and right and `width_shift_range` up and down; on an image
    /// that is not square rotation, shear and zoom are about the point whose row and column are those of
    /// the centre exchanged.
    Keras3,
}

impl Compat {
    /// Every behaviour.
    pub const ALL: [Self; 2] = [Self::Documented, Self::Keras3];
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Keras3 => "keras3",
        })
    }
}

impl FromStr for Compat {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|compat| compat.to_string() == name).ok_or_else(|| LoaderError::InvalidOption {
            option: "compat",
            expected: "documented or keras3",
            got: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for compat in Compat::ALL {
            assert_eq!(compat.to_string().parse::<Compat>().unwrap(), compat);
        }
        let message = "keras2".parse::<Compat>().unwrap_err().to_string();
        assert_eq!(message, "compat: expected documented or keras3, got keras2");
    }
}
