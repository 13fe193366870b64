//! One configuration: the arguments of `ImageDataGenerator` and `flow_from_directory`, by Keras' names.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arguments::{ARGUMENTS, GENERATOR};
use super::dice::Dice;

/// What both sides are given. Arguments that are absent have Keras' defaults.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Configuration {
    /// Of the generator; also `preprocessing`, a function by name, and `fit`, `{"samples": K}`.
    pub(super) config: Map<String, Value>,
    pub(super) flow: Map<String, Value>,
    /// Batches to compare, across the ends of epochs.
    pub(super) count: usize,
    /// Of the flow, and of `numpy.random` before the first batch.
    pub(super) seed: u32,
}

/// A configuration that is being drawn.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) dice: Dice,
    pub(super) config: Map<String, Value>,
    pub(super) flow: Map<String, Value>,
    /// Whether only one argument is turned on, and others only because it needs them.
    pub(super) single: bool,
    /// The class folders that there are.
    pub(super) classes: &'a [String],
}

/// Any of these makes Keras resample the image at real-valued coordinates.
pub(super) const WARPS: [&str; 5] =
    ["rotation_range", "width_shift_range", "height_shift_range", "shear_range", "zoom_range"];
/// Without effect where there is no warp.
const OF_A_WARP: [&str; 3] = ["fill_mode", "cval", "interpolation_order"];
/// These take numbers from images, of the one at hand or of those that the generator was fit on.
pub(super) const STATISTICS: [&str; 5] = [
    "samplewise_center",
    "samplewise_std_normalization",
    "featurewise_center",
    "featurewise_std_normalization",
    "zca_whitening",
];
const FITTED: [&str; 3] = ["featurewise_center", "featurewise_std_normalization", "zca_whitening"];
/// These need to be on more often for each of their values to be, or go with one value of another.
const MANY_VALUED: [&str; 6] = ["fill_mode", "cval", "zca_epsilon", "interpolation", "class_mode", "color_mode"];
const TARGET_SIZES: [[usize; 2]; 8] = [[48, 64], [64, 64], [56, 56], [24, 40], [47, 33], [96, 72], [32, 32], [20, 90]];
/// ZCA's matrix has (height x width x channels)^2 entries.
const TINY_SIZES: [[usize; 2]; 3] = [[8, 6], [6, 8], [7, 7]];

impl Configuration {
    /// The `number`th draw of `seed`, for a folder with `classes`. Of three draws one has a single argument on, in
    /// turn; the others have many or some.
    pub(super) fn draw(seed: u32, number: usize, classes: &[String]) -> Configuration {
        let mut dice = Dice::new(seed, number);
        let flow_seed = dice.below(100_000) as u32;
        let count = 2 + dice.below(2);
        let mut draft = Draft { dice, config: Map::new(), flow: Map::new(), single: number.is_multiple_of(3), classes };
        let size = *draft.dice.pick(&TARGET_SIZES);
        draft.flow("target_size", size.to_vec());
        let batch_size = 3 + draft.dice.below(5);
        draft.flow("batch_size", batch_size);
        draft.flow("seed", flow_seed);
        let single = (number / 3) % ARGUMENTS.len();
        let probability: f64 = *draft.dice.pick(&[0.1, 0.2, 0.4]);
        for (position, argument) in ARGUMENTS.iter().enumerate() {
            let likely = if MANY_VALUED.contains(&argument.name) { probability.max(0.6) } else { probability };
            let on = if draft.single { position == single } else { draft.dice.chance(likely) };
            if on {
                (argument.turn_on)(&mut draft);
            }
        }
        draft.settle();
        Configuration { config: draft.config, flow: draft.flow, count, seed: flow_seed }
    }

    /// Whether the generator has the argument, and not as `false`.
    pub(super) fn has(&self, argument: &str) -> bool {
        self.config.get(argument).is_some_and(|value| *value != Value::Bool(false))
    }

    pub(super) fn has_any(&self, arguments: &[&str]) -> bool {
        arguments.iter().any(|argument| self.has(argument))
    }

    /// What is on, in the order of the table: an argument, or one of its values or forms where those differ in kind.
    pub(super) fn rows(&self) -> Vec<(usize, String)> {
        let mut rows = Vec::new();
        for (position, argument) in ARGUMENTS.iter().enumerate() {
            let arguments = if argument.of == GENERATOR { &self.config } else { &self.flow };
            if let Some(value) = arguments.get(argument.name) {
                rows.push((position, row(argument.name, value)));
            }
        }
        rows
    }

    /// What both sides must find in a configuration that does not come from [`draw`](Self::draw).
    pub(super) fn validate(&self) -> Result<()> {
        if self.flow.get("seed") != Some(&Value::from(self.seed)) {
            bail!("the flow's seed is not {}", self.seed);
        }
        if self.has_any(&FITTED) != self.config.contains_key("fit") {
            bail!("featurewise and ZCA need `fit`, and nothing else does");
        }
        Ok(())
    }
}

impl Draft<'_> {
    pub(super) fn config(&mut self, name: &str, value: impl Into<Value>) {
        self.config.insert(name.to_owned(), value.into());
    }

    pub(super) fn flow(&mut self, name: &str, value: impl Into<Value>) {
        self.flow.insert(name.to_owned(), value.into());
    }

    /// Turns one warp on.
    fn warp(&mut self) {
        let name = *self.dice.pick(&WARPS);
        if let Some(warp) = ARGUMENTS.iter().find(|argument| argument.name == name) {
            (warp.turn_on)(self);
        }
    }

    /// Removes what Keras cannot do, and adds what an argument needs to have an effect.
    fn settle(&mut self) {
        let on = |draft: &Self, names: &[&str]| names.iter().any(|name| draft.config.contains_key(*name));
        if on(self, &OF_A_WARP) && !on(self, &WARPS) {
            if self.single {
                self.warp();
            } else {
                self.config.retain(|name, _| !OF_A_WARP.contains(&name.as_str()));
            }
        }
        if self.single && self.config.contains_key("cval") {
            let mode = *self.dice.pick(&["constant", "grid-constant"]);
            self.config("fill_mode", mode);
        }
        // Keras' brightness takes the layout of keras.json for the generator's.
        if self.config.contains_key("brightness_range") {
            self.config.remove("data_format");
        }
        if self.flow.contains_key("subset") && !self.config.contains_key("validation_split") {
            let split = self.dice.between(0.2, 0.6);
            self.config("validation_split", split);
        }
        if self.single && self.config.contains_key("zca_epsilon") {
            self.config("zca_whitening", true);
        }
        if self.config.contains_key("zca_whitening") {
            let size = *self.dice.pick(&TINY_SIZES);
            self.flow("target_size", size.to_vec());
            // An opaque alpha channel is constant, and whitening divides by how much a channel varies.
            if self.flow.get("color_mode").is_some_and(|mode| mode == "rgba") {
                self.flow("color_mode", "grayscale");
            }
        }
        // Keras' "caffe" and "torch" have numbers for three channels only.
        if self.flow.contains_key("color_mode") && self.config.contains_key("preprocessing") {
            if self.dice.chance(0.5) {
                self.flow.remove("color_mode");
            } else {
                self.config("preprocessing", "xception");
            }
        }
        // What `save_to_dir` writes of an image with opacity, BMP and JPEG cannot hold.
        if self.flow.contains_key("save_to_dir") && self.flow.get("color_mode").is_some_and(|mode| mode == "rgba") {
            self.flow("save_format", "png");
        }
        if on(self, &FITTED) {
            let samples = 4 + self.dice.below(9);
            self.config("fit", serde_json::json!({ "samples": samples }));
        }
    }
}

fn row(name: &str, value: &Value) -> String {
    let form = match (name, value) {
        (_, Value::Null) => "=None",
        // A folder, another on each side.
        ("save_to_dir", _) => "",
        (_, Value::String(text)) => return format!("{name}={text}"),
        ("interpolation_order", order) => return format!("{name}={order}"),
        ("width_shift_range" | "height_shift_range", Value::Array(_)) => " (list)",
        ("width_shift_range" | "height_shift_range", range) if range.is_u64() => " (int)",
        ("width_shift_range" | "height_shift_range", range) if range.as_f64() < Some(1.0) => " (< 1)",
        ("width_shift_range" | "height_shift_range", _) => " (pixels)",
        ("zoom_range", Value::Array(_)) => " (pair)",
        ("zoom_range", _) => " (scalar)",
        ("target_size", Value::Array(size)) if size.first() == size.last() => " (square)",
        ("target_size", _) => " (not square)",
        _ => "",
    };
    format!("{name}{form}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn draws(count: usize) -> Vec<Configuration> {
        let classes = ["Odd", "rural", "urban"].map(str::to_owned);
        (0..count).map(|number| Configuration::draw(7, number, &classes)).collect()
    }

    #[test]
    fn the_same_number_is_the_same_configuration() {
        assert_eq!(draws(30), draws(30));
        assert_eq!(draws(40)[..30], draws(30));
    }

    #[test]
    fn every_argument_is_on_often_enough_and_each_value_at_all() {
        let mut rows = BTreeMap::<_, usize>::new();
        for configuration in draws(240) {
            configuration.validate().unwrap();
            for row in configuration.rows() {
                *rows.entry(row).or_default() += 1;
            }
        }
        for (position, argument) in ARGUMENTS.iter().enumerate() {
            let on: usize = rows.iter().filter(|((of, _), _)| *of == position).map(|(_, count)| count).sum();
            assert!(on >= 15, "{} is on {on} times", argument.name);
        }
        for order in [0, 2, 3, 4, 5] {
            assert!(rows.keys().any(|(_, row)| *row == format!("interpolation_order={order}")), "{order}");
        }
        let names: Vec<_> = rows.keys().map(|(_, row)| row.as_str()).collect();
        for mode in ["constant", "nearest", "reflect", "wrap", "mirror", "grid-wrap", "grid-constant", "grid-mirror"] {
            assert!(names.contains(&format!("fill_mode={mode}").as_str()), "{mode} in {names:?}");
        }
        for form in ["(< 1)", "(pixels)", "(int)", "(list)"] {
            assert!(names.contains(&format!("width_shift_range {form}").as_str()), "{form} in {names:?}");
        }
        assert!(names.contains(&"class_mode=None") && names.contains(&"preprocessing=torch"), "{names:?}");
    }

    #[test]
    fn nothing_is_drawn_that_keras_cannot_do() {
        for drawn in draws(500) {
            let channels = drawn.flow.get("color_mode").and_then(Value::as_str).unwrap_or("rgb");
            let preprocessing = drawn.config.get("preprocessing").and_then(Value::as_str);
            assert!(channels == "rgb" || !matches!(preprocessing, Some("resnet50" | "torch")), "{drawn:?}");
            assert!(!(drawn.has("brightness_range") && drawn.has("data_format")), "{drawn:?}");
            assert!(!drawn.flow.contains_key("subset") || drawn.has("validation_split"), "{drawn:?}");
        }
    }
}
