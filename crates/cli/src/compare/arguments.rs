//! A command line -> what was said of each option.

use std::collections::BTreeMap;

/// Options that say where and how results are told, and nothing of what they are.
const WITHOUT_EFFECT: [&str; 9] = [
    "--color",
    "--from",
    "--json",
    "--metrics-addr",
    "--metrics-push",
    "--output",
    "--overwrite",
    "--resume",
    "--verbose",
];

/// Option -> its value, empty for a switch; of one that is there more than once, all of them.
pub(super) fn options(arguments: &[String]) -> BTreeMap<String, String> {
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    let mut arguments = arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        let Some(option) = argument.strip_prefix("--").filter(|name| !name.is_empty()) else { continue };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (option, arguments.next_if(|next| !next.starts_with("--")).cloned().unwrap_or_default()),
        };
        let name = format!("--{name}");
        if WITHOUT_EFFECT.contains(&&*name) {
            continue;
        }
        options
            .entry(name)
            .and_modify(|values| {
                values.push(' ');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_every_form() {
        let line =
            "train --data photos --epochs=3 --no-flip --output runs/a --shift -0.5 --metric auc --metric recall --json";
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let expected = [
            ("--data", "photos"),
            ("--epochs", "3"),
            ("--metric", "auc recall"),
            ("--no-flip", ""),
            ("--shift", "-0.5"),
        ];
        assert_eq!(options(&arguments), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
