//! Configurations of `flow_from_dataframe`, on the CSV file of the photos: PNGs and others in an order of
//! its own, a class, several classes, numbers, a weight, and rows that Keras leaves out.

use serde_json::{Value, json};

use super::configuration::Configuration;
use super::dice::Dice;

/// Draws are of streams that the configurations of folders do not have.
const STREAM: usize = 1 << 20;
/// Arguments of `flow_from_directory` only, or drawn here. Keras' `flow_from_dataframe` takes `keep_aspect_ratio` and
/// does not heed it.
const OF_FOLDERS: [&str; 5] = ["classes", "class_mode", "follow_links", "keep_aspect_ratio", "save_to_dir"];

/// The `number`th draw of `seed`, for photos of `classes`. Class modes come in turn.
pub(super) fn draw(seed: u32, number: usize, classes: &[String]) -> Configuration {
    let mut dice = Dice::new(seed, 2 * STREAM + number);
    let mut configuration = Configuration::draw(seed, STREAM + number, classes);
    let flow = &mut configuration.flow;
    flow.retain(|name, _| !OF_FOLDERS.contains(&name.as_str()) && !name.starts_with("save_"));
    flow.insert("x_col".to_owned(), "file".into());
    let mut set = |name: &str, value: Value| flow.insert(name.to_owned(), value);
    let mut chosen = classes.to_vec();
    dice.shuffle(&mut chosen);
    chosen.truncate(2 + dice.below(chosen.len().saturating_sub(1)));
    match number % 9 {
        0 => drop(set("y_col", "class".into())),
        1 => {
            set("y_col", "classes".into());
            set("list_separator", "|".into());
            if dice.chance(0.5) {
                set("classes", json!(chosen));
            }
        }
        2 => {
            set("y_col", "class".into());
            set("class_mode", "binary".into());
            chosen.truncate(2);
            set("classes", json!(chosen));
        }
        3 => {
            set("y_col", "class".into());
            set("class_mode", "sparse".into());
            if dice.chance(0.5) {
                set("classes", json!(chosen));
            }
        }
        4 => {
            set("y_col", "angle".into());
            set("class_mode", "raw".into());
        }
        5 => {
            set("y_col", json!(["angle", "count"]));
            set("class_mode", "raw".into());
        }
        6 => {
            set("y_col", json!(["count", "angle"]));
            set("class_mode", "multi_output".into());
        }
        7 => drop(set("class_mode", "input".into())),
        _ => drop(set("class_mode", Value::Null)),
    }
    if dice.chance(0.5) {
        set("weight_col", "weight".into());
    }
    configuration
}

/// What is on, of what tables alone have.
pub(super) fn rows(configuration: &Configuration) -> Vec<(usize, String)> {
    let flow = &configuration.flow;
    let mode = flow.get("class_mode").unwrap_or(&Value::Null);
    let many = flow.get("y_col").is_some_and(Value::is_array);
    let mode = match (mode.as_str(), flow.contains_key("class_mode")) {
        (Some("raw"), _) if many => "raw (two columns)",
        (Some(mode), _) => mode,
        (None, true) => "None",
        (None, false) if flow.contains_key("list_separator") => "categorical (lists)",
        (None, false) => "categorical",
    };
    let others = ["classes", "weight_col", "subset"].iter().enumerate();
    let others = others.filter(|(_, name)| flow.contains_key(**name));
    let others = others.map(|(position, name)| (position + 1, format!("table {name}")));
    std::iter::once((0, format!("table class_mode={mode}"))).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_mode_is_drawn_and_nothing_of_folders() {
        let classes = [".hidden", "Odd", "rural", "urban"].map(str::to_owned);
        let drawn: Vec<_> = (0..40).map(|number| draw(1, number, &classes)).collect();
        let rows: BTreeSet<_> = drawn.iter().flat_map(rows).collect();
        assert_eq!(rows.len(), 9 + 3, "{rows:?}");
        for configuration in &drawn {
            configuration.validate().unwrap();
            assert!(
                !configuration.flow.contains_key("follow_links") && !configuration.flow.contains_key("save_to_dir")
            );
        }
    }
}
