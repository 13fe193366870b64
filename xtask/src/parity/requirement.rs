//! How equal the pixels of a configuration must be.

use super::configuration::{Configuration, STATISTICS, WARPS};

/// What is asked of every value of every batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requirement {
    /// The same bits. Keras copies, adds whole numbers, or does one IEEE operation after the other on each pixel, which
    /// has one right result: loading, resizing (Pillow's whole numbers), flips, channel shift, brightness (Pillow's
    /// f32), preprocessing functions, `rescale`.
    Bits,
    /// Within [`TOLERANCE`]. Keras interpolates, or takes means, deviations or a decomposition of many pixels, whose
    /// last bits depend on the order of summation.
    Close,
    /// [`Close`](Self::Close), except for a share of [`JUMPS`]. A step follows a real number, so that its last bit may
    /// decide which pixel is copied (order 0), on which side of the border a coordinate lies (modes that jump there),
    /// or which level is left after brightness has cut off the fraction.
    CloseButForJumps,
}

/// In levels of 0..255, whatever standardisation makes of a level.
pub(super) const TOLERANCE: f64 = 1e-3 * 255.0;
/// One value in ten thousand.
pub(super) const JUMPS: f64 = 1e-4;

/// How the image ends in these modes: with a step, not with values that go over into each other.
const STEPS_AT_THE_BORDER: [&str; 2] = ["constant", "wrap"];

pub(super) fn of(configuration: &Configuration) -> Requirement {
    let warps = configuration.has_any(&WARPS);
    let config = &configuration.config;
    let copies = config.get("interpolation_order").is_some_and(|order| *order == 0);
    let steps = config.get("fill_mode").is_some_and(|mode| STEPS_AT_THE_BORDER.iter().any(|step| mode == step));
    if warps && (copies || steps || configuration.has("brightness_range")) {
        Requirement::CloseButForJumps
    } else if warps || configuration.has_any(&STATISTICS) {
        Requirement::Close
    } else {
        Requirement::Bits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bits_are_asked_where_there_is_one_right_result() {
        for (config, expected) in [
            (json!({}), Requirement::Bits),
            (json!({"horizontal_flip": true, "brightness_range": [0.5, 1.5], "fill_mode": "wrap"}), Requirement::Bits),
            (json!({"channel_shift_range": 20.0, "preprocessing": "torch", "rescale": 0.1}), Requirement::Bits),
            (json!({"zoom_range": 0.2}), Requirement::Close),
            (json!({"zoom_range": 0.2, "fill_mode": "reflect", "interpolation_order": 3}), Requirement::Close),
            (json!({"samplewise_center": true, "brightness_range": [0.5, 1.5]}), Requirement::Close),
            (json!({"zca_whitening": true, "fit": {"samples": 4}}), Requirement::Close),
            (json!({"rotation_range": 9, "interpolation_order": 0}), Requirement::CloseButForJumps),
            (json!({"rotation_range": 9, "fill_mode": "constant"}), Requirement::CloseButForJumps),
            (json!({"rotation_range": 9, "brightness_range": [0.5, 1.5]}), Requirement::CloseButForJumps),
        ] {
            let config = config.as_object().unwrap().clone();
            let configuration = Configuration { config, flow: serde_json::Map::new(), count: 1, seed: 0 };
            assert_eq!(of(&configuration), expected, "{configuration:?}");
        }
    }
}
