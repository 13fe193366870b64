//! Every argument of `ImageDataGenerator` and `flow_from_directory` that changes what a batch holds, and how to draw a
//! value for it.
//!
//! Not here: `dtype`, which our batches do not have.

use serde_json::json;

use super::configuration::Draft;

/// One argument, in the order of the table.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) of: Owner,
    /// Gives it a value that is not the default.
    pub(super) turn_on: fn(&mut Draft<'_>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Generator,
    Flow,
}

pub(super) const GENERATOR: Owner = Owner::Generator;
const FLOW: Owner = Owner::Flow;

const fn argument(name: &'static str, of: Owner, turn_on: fn(&mut Draft<'_>)) -> Argument {
    Argument { name, of, turn_on }
}

/// scipy's; those with a value of their own twice.
const FILL_MODES: [&str; 10] = [
    "constant",
    "constant",
    "nearest",
    "reflect",
    "wrap",
    "mirror",
    "grid-wrap",
    "grid-constant",
    "grid-constant",
    "grid-mirror",
];

pub(super) const ARGUMENTS: [Argument; 33] = [
    argument("rotation_range", GENERATOR, |draft| {
        let degrees = draft.dice.pick(&[json!(5), json!(20), json!(45.5), json!(90), json!(180)]).clone();
        draft.config("rotation_range", degrees);
    }),
    argument("width_shift_range", GENERATOR, |draft| shift(draft, "width_shift_range")),
    argument("height_shift_range", GENERATOR, |draft| shift(draft, "height_shift_range")),
    argument("shear_range", GENERATOR, |draft| {
        let degrees = draft.dice.between(2.0, 45.0);
        draft.config("shear_range", degrees);
    }),
    argument("zoom_range", GENERATOR, |draft| {
        let zoom = match draft.dice.below(3) {
            0 => json!(draft.dice.between(0.05, 0.6)),
            1 => json!(draft.dice.range(0.4, 1.8)),
            _ => json!([1.25, 1.25]),
        };
        draft.config("zoom_range", zoom);
    }),
    argument("fill_mode", GENERATOR, |draft| {
        let mode = *draft.dice.pick(&FILL_MODES);
        draft.config("fill_mode", mode);
    }),
    argument("cval", GENERATOR, |draft| {
        // Without effect in other modes.
        let constant = |mode: &serde_json::Value| mode.as_str().is_some_and(|mode| mode.ends_with("constant"));
        if draft.single || draft.config.get("fill_mode").is_some_and(constant) {
            let value = *draft.dice.pick(&[255.0, 127.5, -20.0, 300.0]);
            draft.config("cval", value);
        }
    }),
    argument("interpolation_order", GENERATOR, |draft| {
        let order = *draft.dice.pick(&[0, 2, 3, 4, 5]);
        draft.config("interpolation_order", order);
    }),
    argument("channel_shift_range", GENERATOR, |draft| {
        let levels = draft.dice.between(1.0, 120.0);
        draft.config("channel_shift_range", levels);
    }),
    argument("horizontal_flip", GENERATOR, |draft| draft.config("horizontal_flip", true)),
    argument("vertical_flip", GENERATOR, |draft| draft.config("vertical_flip", true)),
    argument("brightness_range", GENERATOR, |draft| {
        let range = draft.dice.range(0.0, 2.5);
        let range = *draft.dice.pick(&[range, range, [0.5, 1.5], [1.0, 1.0]]);
        draft.config("brightness_range", range.to_vec());
    }),
    argument("preprocessing", GENERATOR, |draft| {
        let function = *draft.dice.pick(&["resnet50", "xception", "torch"]);
        draft.config("preprocessing", function);
    }),
    argument("rescale", GENERATOR, |draft| {
        let factor = *draft.dice.pick(&[1.0 / 255.0, 1.0 / 255.0, 0.5, 1.7]);
        draft.config("rescale", factor);
    }),
    argument("samplewise_center", GENERATOR, |draft| draft.config("samplewise_center", true)),
    argument("samplewise_std_normalization", GENERATOR, |draft| draft.config("samplewise_std_normalization", true)),
    argument("featurewise_center", GENERATOR, |draft| draft.config("featurewise_center", true)),
    argument("featurewise_std_normalization", GENERATOR, |draft| draft.config("featurewise_std_normalization", true)),
    argument("zca_whitening", GENERATOR, |draft| {
        // Not too often, since it needs tiny images.
        if draft.single || draft.dice.chance(0.6) {
            draft.config("zca_whitening", true);
        }
    }),
    argument("zca_epsilon", GENERATOR, |draft| {
        if draft.single || draft.config.contains_key("zca_whitening") {
            let epsilon = *draft.dice.pick(&[1e-2, 1e-4, 1.0]);
            draft.config("zca_epsilon", epsilon);
        }
    }),
    argument("data_format", GENERATOR, |draft| draft.config("data_format", "channels_first")),
    argument("validation_split", GENERATOR, |draft| {
        let split = draft.dice.between(0.2, 0.7);
        draft.config("validation_split", split);
    }),
    argument("subset", FLOW, |draft| {
        let subset = *draft.dice.pick(&["training", "validation"]);
        draft.flow("subset", subset);
    }),
    argument("classes", FLOW, |draft| {
        let mut classes = draft.classes.to_vec();
        draft.dice.shuffle(&mut classes);
        classes.truncate(1 + draft.dice.below(classes.len()));
        draft.flow("classes", classes);
    }),
    argument("class_mode", FLOW, |draft| {
        let mode = draft.dice.pick(&[json!("binary"), json!("sparse"), json!("input"), json!(null)]).clone();
        draft.flow("class_mode", mode);
    }),
    argument("color_mode", FLOW, |draft| {
        let mode = *draft.dice.pick(&["rgba", "grayscale"]);
        draft.flow("color_mode", mode);
    }),
    argument("target_size", FLOW, |draft| {
        let size = [10 + draft.dice.below(120), 10 + draft.dice.below(120)];
        draft.flow("target_size", size.to_vec());
    }),
    argument("interpolation", FLOW, |draft| {
        let filter = *draft.dice.pick(&["bilinear", "bicubic", "hamming", "box", "lanczos", "nearest"]);
        draft.flow("interpolation", filter);
    }),
    argument("keep_aspect_ratio", FLOW, |draft| draft.flow("keep_aspect_ratio", true)),
    argument("shuffle", FLOW, |draft| draft.flow("shuffle", false)),
    argument("batch_size", FLOW, |draft| {
        let size = *draft.dice.pick(&[1, 2, 13, 32]);
        draft.flow("batch_size", size);
    }),
    argument("follow_links", FLOW, |draft| draft.flow("follow_links", true)),
    argument("save_to_dir", FLOW, |draft| {
        // Keras and we each get a folder of our own.
        draft.flow("save_to_dir", true);
        let (prefix, format) = *draft.dice.pick(&[("", "png"), ("augmented", "png"), ("", "bmp"), ("a b", "jpeg")]);
        draft.flow("save_prefix", prefix);
        draft.flow("save_format", format);
    }),
];

fn shift(draft: &mut Draft<'_>, name: &str) {
    let range = match draft.dice.below(6) {
        0 | 1 => json!(draft.dice.between(0.02, 0.95)),
        2 => json!(draft.dice.between(1.0, 15.0)),
        3 => json!(1 + draft.dice.below(12)),
        4 => json!([0.05, 0.2, 0.4]),
        _ => json!([1, 4, 9]),
    };
    draft.config(name, range);
}
