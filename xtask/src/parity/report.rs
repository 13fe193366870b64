//! What all comparisons show together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::comparison::Comparison;
use super::configuration::Configuration;
use super::keras::Saved;
use super::requirement::{self, JUMPS, Requirement};
use super::tables;

/// One configuration's comparison, or why there is none.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) configuration: Configuration,
    pub(super) compared: Result<Comparison, String>,
    /// Where it saves images.
    pub(super) saved: Option<Saved>,
    pub(super) pass: Pass,
    /// Command lines that do it again.
    pub(super) repeat: Vec<String>,
}

/// What is compared on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Folders of PNG and other lossless files.
    Lossless,
    /// Folders of JPEG files.
    Jpeg,
    /// A table of the lossless files.
    Table,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) versions: String,
    /// On lossless files.
    pub(super) arguments: Vec<Row>,
    pub(super) requirements: Vec<Met>,
    pub(super) jpeg: Jpeg,
    pub(super) saved: SavedFiles,
    pub(super) failures: Vec<Failure>,
}

/// Configurations with one argument on.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) argument: String,
    pub(super) configurations: usize,
    pub(super) index_equal: usize,
    pub(super) labels_equal: usize,
    pub(super) bits_equal: usize,
    /// In levels of 0..255.
    pub(super) largest: f64,
}

/// Configurations of which the same is required.
#[derive(Debug, Serialize)]
pub(super) struct Met {
    pub(super) requirement: String,
    pub(super) configurations: usize,
    pub(super) met: usize,
    pub(super) bits_equal: usize,
    pub(super) values: usize,
    /// Values beyond the tolerance.
    pub(super) beyond: usize,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Jpeg {
    pub(super) configurations: usize,
    pub(super) index_equal: usize,
    pub(super) labels_equal: usize,
    pub(super) bits_equal: usize,
    /// Of all values, those more than two levels off.
    pub(super) visible_share: f64,
    /// The same, in the worst configuration.
    pub(super) worst_share: f64,
}

/// What `save_to_dir` left.
#[derive(Debug, Default, Serialize)]
pub(super) struct SavedFiles {
    pub(super) configurations: usize,
    pub(super) files: usize,
    pub(super) names_equal: usize,
    /// Of lossless files of lossless files.
    pub(super) values: usize,
    pub(super) one_off: usize,
    pub(super) more_off: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) repeat: Vec<String>,
}

impl Report {
    pub(super) fn of(versions: &str, outcomes: &[Outcome]) -> Report {
        let of = |pass| outcomes.iter().filter(move |outcome| outcome.pass == pass);
        let mut rows = BTreeMap::<(bool, usize, String), Row>::new();
        for outcome in of(Pass::Lossless).chain(of(Pass::Table)) {
            let table = outcome.pass == Pass::Table;
            let on = if table { tables::rows(&outcome.configuration) } else { outcome.configuration.rows() };
            for (position, argument) in on {
                let row = rows.entry((table, position, argument.clone())).or_default();
                row.argument = argument;
                row.add(outcome);
            }
        }
        let mut all = Row { argument: "all".to_owned(), ..Row::default() };
        let lossless = || outcomes.iter().filter(|outcome| outcome.pass != Pass::Jpeg);
        lossless().for_each(|outcome| all.add(outcome));
        Report {
            versions: versions.to_owned(),
            arguments: rows.into_values().chain([all]).collect(),
            requirements: [Requirement::Bits, Requirement::Close, Requirement::CloseButForJumps]
                .map(|requirement| Met::of(requirement, lossless()))
                .into(),
            jpeg: Jpeg::of(of(Pass::Jpeg)),
            saved: SavedFiles::of(outcomes),
            failures: outcomes.iter().filter_map(Outcome::failure).collect(),
        }
    }

    /// Tables and lists for people.
    pub(super) fn text(&self) -> String {
        let width = self.arguments.iter().map(|row| row.argument.len()).max().unwrap_or(0);
        let mut text = format!("Against {}\n\n", self.versions);
        text += &format!(
            "{:width$}  configurations  index equal  labels equal  bit-equal  largest difference in levels\n",
            "argument"
        );
        for Row { argument, configurations, index_equal, labels_equal, bits_equal, largest } in &self.arguments {
            text += &format!(
                "{argument:width$}  {configurations:>14}  {index_equal:>11}  {labels_equal:>12}  {bits_equal:>9}  {:>28}\n",
                levels(*largest)
            );
        }
        text.push('\n');
        for Met { requirement, configurations, met, bits_equal, values, beyond } in &self.requirements {
            text += &format!(
                "{requirement:46} {met:>4} of {configurations:>4} meet it, {bits_equal:>4} bit-equal; {beyond} of {values} \
                 values beyond it\n"
            );
        }
        let Jpeg { configurations, index_equal, labels_equal, bits_equal, visible_share, worst_share } = &self.jpeg;
        text += &format!(
            "JPEG files: {configurations} configurations, {index_equal} index equal, {labels_equal} labels equal, \
             {bits_equal} bit-equal;\n  {:.5}% of values more than 2 levels off, {:.5}% in the worst configuration\n",
            visible_share * 100.0,
            worst_share * 100.0
        );
        let SavedFiles { configurations, files, names_equal, values, one_off, more_off } = &self.saved;
        text += &format!(
            "save_to_dir: {configurations} configurations, {files} files, {names_equal} with the same names;\n  \
             of {values} values in lossless files, {one_off} are one level off, {more_off} are more\n",
        );
        for Failure { name, reason, repeat } in &self.failures {
            text += &format!("\n{name}: {reason}\n");
            for line in repeat {
                text += &format!("  {line}\n");
            }
        }
        text
    }
}

impl Outcome {
    /// The first requirement that it misses, in words.
    fn missed(&self) -> Option<String> {
        match &self.compared {
            Err(reason) => Some(reason.clone()),
            Ok(compared) if self.pass == Pass::Jpeg => {
                compared.missed_on_jpeg().or_else(|| self.missed_in_files(compared))
            }
            Ok(compared) => {
                let requirement = requirement::of(&self.configuration);
                compared.missed(requirement).or_else(|| self.missed_in_files(compared))
            }
        }
    }

    /// Files are of the batch's values cut to whole levels: the same levels if the batch has the same bits; if not,
    /// the next level where a value is cut that lies near a whole one.
    fn missed_in_files(&self, compared: &Comparison) -> Option<String> {
        let saved = self.saved.as_ref()?;
        let Saved { values, one_off, more_off, .. } = saved;
        if !saved.names_equal {
            return Some("other names of saved files".to_owned());
        }
        let missed = if compared.bits_equal {
            one_off + more_off > 0
        } else {
            self.pass != Pass::Jpeg && *more_off as f64 > JUMPS * *values as f64
        };
        missed.then(|| format!("saved files: of {values} values {one_off} are one level off, {more_off} are more"))
    }

    fn failure(&self) -> Option<Failure> {
        let reason = self.missed()?;
        Some(Failure { name: self.name.clone(), reason, repeat: self.repeat.clone() })
    }
}

impl Row {
    fn add(&mut self, outcome: &Outcome) {
        self.configurations += 1;
        if let Ok(compared) = &outcome.compared {
            self.index_equal += usize::from(compared.index_equal);
            self.labels_equal += usize::from(compared.labels_equal);
            self.bits_equal += usize::from(compared.bits_equal);
            self.largest = self.largest.max(compared.largest);
        }
    }
}

impl Met {
    fn of<'a>(requirement: Requirement, outcomes: impl Iterator<Item = &'a Outcome>) -> Met {
        let name = match requirement {
            Requirement::Bits => "the same bits",
            Requirement::Close => "within 1/1000 of the range",
            Requirement::CloseButForJumps => "within 1/1000 of the range, but for jumps",
        };
        let mut sum =
            Met { requirement: name.to_owned(), configurations: 0, met: 0, bits_equal: 0, values: 0, beyond: 0 };
        for outcome in outcomes.filter(|outcome| requirement::of(&outcome.configuration) == requirement) {
            sum.configurations += 1;
            sum.met += usize::from(outcome.missed().is_none());
            if let Ok(compared) = &outcome.compared {
                sum.bits_equal += usize::from(compared.bits_equal);
                sum.values += compared.values;
                sum.beyond += compared.beyond;
            }
        }
        sum
    }
}

impl Jpeg {
    fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Jpeg {
        let mut sum = Jpeg::default();
        let (mut visible, mut values) = (0, 0);
        for outcome in outcomes {
            sum.configurations += 1;
            if let Ok(compared) = &outcome.compared {
                sum.index_equal += usize::from(compared.index_equal);
                sum.labels_equal += usize::from(compared.labels_equal);
                sum.bits_equal += usize::from(compared.bits_equal);
                sum.worst_share = sum.worst_share.max(compared.share(compared.visible));
                visible += compared.visible;
                values += compared.values;
            }
        }
        sum.visible_share = visible as f64 / values.max(1) as f64;
        sum
    }
}

impl SavedFiles {
    fn of(outcomes: &[Outcome]) -> SavedFiles {
        let mut sum = SavedFiles::default();
        for outcome in outcomes {
            let Some(saved) = &outcome.saved else { continue };
            sum.configurations += 1;
            sum.files += saved.files;
            sum.names_equal += if saved.names_equal { saved.files } else { 0 };
            if outcome.pass != Pass::Jpeg {
                sum.values += saved.values;
                sum.one_off += saved.one_off;
                sum.more_off += saved.more_off;
            }
        }
        sum
    }
}

impl Pass {
    /// Of the job with this name.
    pub(super) fn of(name: &str) -> Pass {
        match name.split_once('-') {
            Some(("jpeg", _)) => Pass::Jpeg,
            Some(("table", _)) => Pass::Table,
            _ => Pass::Lossless,
        }
    }
}

fn levels(difference: f64) -> String {
    if difference == 0.0 {
        "0".to_owned()
    } else if difference < 1e-3 {
        format!("{difference:.1e}")
    } else {
        format!("{difference:.3}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(config: serde_json::Value, jpeg: bool, compared: Result<Comparison, String>) -> Outcome {
        let configuration = serde_json::from_value(json!({"config": config, "flow": {}, "count": 1, "seed": 0}));
        let repeat = vec!["cargo xtask parity --only 3".to_owned()];
        let pass = if jpeg { Pass::Jpeg } else { Pass::Lossless };
        let name = "png-003".to_owned();
        Outcome { name, configuration: configuration.unwrap(), compared, saved: None, pass, repeat }
    }

    fn comparison(bits_equal: bool, largest: f64, beyond: usize) -> Result<Comparison, String> {
        let visible = beyond;
        Ok(Comparison { index_equal: true, labels_equal: true, bits_equal, largest, values: 100, beyond, visible })
    }

    #[test]
    fn saved_files_are_as_equal_as_batches() {
        let missed = |bits_equal, saved: [usize; 3], names_equal| {
            let [values, one_off, more_off] = saved;
            let mut outcome = outcome(json!({"zoom_range": 0.3}), false, comparison(bits_equal, 0.01, 0));
            outcome.saved = Some(Saved { files: 2, names_equal, values, one_off, more_off });
            outcome.failure().is_some()
        };
        assert!(!missed(true, [100, 0, 0], true));
        assert!(missed(true, [100, 1, 0], true));
        assert!(!missed(false, [100_000, 5, 10], true));
        assert!(missed(false, [100_000, 5, 11], true));
        assert!(missed(true, [0, 0, 0], false));
    }

    #[test]
    fn rows_count_what_is_on_and_failures_tell_how_to_repeat_them() {
        let outcomes = [
            outcome(json!({"horizontal_flip": true}), false, comparison(true, 0.0, 0)),
            outcome(json!({"horizontal_flip": true, "zoom_range": 0.3}), false, comparison(false, 0.01, 0)),
            outcome(json!({"horizontal_flip": true}), false, comparison(false, 0.01, 0)),
            outcome(json!({"zoom_range": 0.3}), false, Err("no such file".to_owned())),
            outcome(json!({}), true, comparison(false, 3.0, 1)),
        ];
        let report = Report::of("keras 3", &outcomes);
        let counts = |row: &Row| (row.configurations, row.index_equal, row.bits_equal, row.largest);
        let named: Vec<_> = report.arguments.iter().map(|row| (row.argument.as_str(), counts(row))).collect();
        assert_eq!(
            named,
            [("zoom_range (scalar)", (2, 1, 0, 0.01)), ("horizontal_flip", (3, 3, 1, 0.01)), ("all", (4, 3, 1, 0.01)),]
        );
        let met: Vec<_> = report.requirements.iter().map(|met| (met.configurations, met.met)).collect();
        assert_eq!(met, [(2, 1), (2, 1), (0, 0)]);
        assert_eq!((report.jpeg.configurations, report.jpeg.worst_share), (1, 0.01));
        let reasons: Vec<_> = report.failures.iter().map(|failure| failure.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "Bits: 0 of 100 values beyond 0.255 levels, at most 0.010",
                "no such file",
                "1.000% of values visibly off"
            ]
        );
        let text = report.text();
        assert!(text.contains("png-003: no such file\n  cargo xtask parity --only 3\n"), "{text}");
        let table: Vec<_> = text.lines().skip(2).take(4).map(str::len).collect();
        assert!(table.iter().all(|length| *length == table[0]), "columns are aligned:\n{text}");
    }
}
