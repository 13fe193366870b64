//! What is done to an image at random. Draws come from the sample's own keyed stream.

mod flip;
mod warp;

pub(crate) use flip::flip_horizontal;
pub(crate) use warp::{Affine, Warper};
pub use warp::{FillMode, SplineOrder};

use crate::generator::ImageDataGenerator;
use crate::random::KeyedRng;

/// What one sample gets in one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Augmentation {
    pub(crate) flip_horizontal: bool,
}

impl Augmentation {
    /// Draws in a fixed order, one draw for each thing that can happen whether it is on or not, so that
    /// switching one augmentation on leaves the draws of the others as they were.
    pub(crate) fn draw(generator: &ImageDataGenerator, rng: &mut KeyedRng) -> Self {
        let flip = rng.uniform() < 0.5;
        Self { flip_horizontal: generator.horizontal_flip && flip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Domain;

    #[test]
    fn half_of_the_samples_are_flipped_and_other_ones_each_epoch() {
        let generator = ImageDataGenerator::new().horizontal_flip(true);
        let flips = |epoch| -> Vec<bool> {
            (0..2_000)
                .map(|sample| {
                    Augmentation::draw(&generator, &mut KeyedRng::new(1, Domain::Augmentation, epoch, sample))
                        .flip_horizontal
                })
                .collect()
        };
        let first = flips(0);
        let share = first.iter().filter(|&&flipped| flipped).count();
        assert!((900..1_100).contains(&share), "{share}");
        assert_ne!(first, flips(1));
        assert_eq!(first, flips(0));
    }

    #[test]
    fn nothing_happens_unless_asked() {
        let generator = ImageDataGenerator::new();
        for sample in 0..50 {
            let mut rng = KeyedRng::new(1, Domain::Augmentation, 0, sample);
            assert!(!Augmentation::draw(&generator, &mut rng).flip_horizontal);
        }
    }
}
