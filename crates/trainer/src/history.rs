//! What every epoch came to: Keras' `History`, and its CSV form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::TrainerError;
use crate::state::State;

/// Metric name -> value, in the alphabetical order in which Keras lists them.
pub type Logs = BTreeMap<Cow<'static, str>, f32>;

/// Share of training samples classified correctly.
pub const ACCURACY: &str = "accuracy";
/// Mean loss of the training samples.
pub const LOSS: &str = "loss";
/// As [`ACCURACY`], on the validation samples.
pub const VALIDATION_ACCURACY: &str = "val_accuracy";
/// As [`LOSS`], on the validation samples.
pub const VALIDATION_LOSS: &str = "val_loss";

/// The learning rate at the end of an epoch, where a callback adds it.
pub const LEARNING_RATE: &str = "learning_rate";

/// The epochs of a training, one column a metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    epochs: Vec<u64>,
    columns: BTreeMap<Cow<'static, str>, Vec<Option<f32>>>,
}

impl History {
    /// An empty history that has these columns from the start.
    pub fn with_columns(names: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Self {
        let columns = names.into_iter().map(|name| (name.into(), Vec::new())).collect();
        Self { epochs: Vec::new(), columns }
    }

    /// Adds an epoch. A column that it lacks is left empty there, one that is new is empty before.
    pub fn push(&mut self, epoch: u64, logs: &Logs) {
        for (name, &value) in logs {
            let column = self.columns.entry(name.clone()).or_default();
            column.resize(self.epochs.len(), None);
            column.push(Some(value));
        }
        self.epochs.push(epoch);
        for column in self.columns.values_mut() {
            column.resize(self.epochs.len(), None);
        }
    }

    /// The whole of it.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.set_counts("epochs", &self.epochs);
        for (name, values) in &self.columns {
            let numbers: Vec<f32> = values.iter().map(|value| value.unwrap_or_default()).collect();
            let present: Vec<u64> = values.iter().map(|value| u64::from(value.is_some())).collect();
            state.set_floats(format!("values/{name}"), &numbers);
            state.set_counts(format!("present/{name}"), &present);
        }
        state
    }

    /// A history as it was when [`state`](Self::state) was taken.
    ///
    /// # Errors
    ///
    /// The state is of something else.
    pub fn from_state(state: &State) -> Result<Self, TrainerError> {
        let epochs = state.counts("epochs")?.to_vec();
        let (values, present) = (state.part("values"), state.part("present"));
        let column = |name: &str| -> Result<_, TrainerError> {
            let numbers = values.floats(name, epochs.len())?;
            let present = present.counts(name)?;
            let values = numbers.iter().zip(present).map(|(&number, &there)| (there != 0).then_some(number));
            Ok((Cow::Owned(name.to_owned()), values.collect()))
        };
        let columns = values.tensors().map(|(name, _)| column(name)).collect::<Result<_, _>>()?;
        Ok(Self { epochs, columns })
    }

    /// Number of every epoch, from 0.
    pub fn epochs(&self) -> &[u64] {
        &self.epochs
    }

    /// Name and values of every metric, by name; `None` where an epoch has no value.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &[Option<f32>])> {
        self.columns.iter().map(|(name, values)| (&**name, &**values))
    }

    /// The file that Keras' `CSVLogger` writes: `epoch` and the sorted metrics, every value with the digits
    /// that Python gives it (the f32 is read back exactly), `NA` where there is none, lines that end in CR LF.
    pub fn to_csv(&self) -> Vec<u8> {
        let header = ["epoch"].into_iter().chain(self.columns.keys().map(AsRef::as_ref)).map(str::to_owned);
        let rows = self.epochs.iter().enumerate().map(|(row, epoch)| {
            let values = self.columns.values().map(|column| column[row].map_or("NA".to_owned(), python_digits));
            std::iter::once(epoch.to_string()).chain(values).collect::<Vec<_>>()
        });
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        for record in std::iter::once(header.collect::<Vec<_>>()).chain(rows) {
            // A Vec takes every write, and all records have as many fields as the first.
            let _ = writer.write_record(record);
        }
        writer.into_inner().unwrap_or_default()
    }
}

/// The value as Python prints it: widened to f64, shortest digits that read back the same, an exponent
/// outside of 1e-4..1e16.
fn python_digits(value: f32) -> String {
    let value = f64::from(value);
    let magnitude = value.abs();
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf" } else { "-inf" }.to_owned()
    } else if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        format!("{digits}e{sign}{exponent:0>2}")
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs<const N: usize>(values: [(&'static str, f32); N]) -> Logs {
        values.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect()
    }

    #[test]
    fn digits_are_pythons() {
        for (value, digits) in [
            (0.227_272_73, "0.22727273404598236"),
            (1.0, "1.0"),
            (0.0, "0.0"),
            (0.000_1, "9.999999747378752e-05"),
            (1e-30, "1.0000000031710769e-30"),
            (3e20, "3.000000060122632e+20"),
            (f32::NAN, "nan"),
            (f32::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(python_digits(value), digits);
        }
        assert_eq!(python_digits(0.3).parse::<f64>().unwrap() as f32, 0.3);
    }

    #[test]
    fn columns_are_sorted_and_a_missing_value_says_so() {
        let mut history = History::with_columns([VALIDATION_LOSS, LOSS]);
        history.push(0, &logs([(LOSS, 0.5), (ACCURACY, 0.25)]));
        history.push(1, &logs([(LOSS, 0.25), (ACCURACY, 0.5), (VALIDATION_LOSS, 1.0)]));
        assert_eq!(
            String::from_utf8(history.to_csv()).unwrap(),
            "epoch,accuracy,loss,val_loss\r\n0,0.25,0.5,NA\r\n1,0.5,0.25,1.0\r\n"
        );
    }

    #[test]
    fn a_history_is_restored_with_its_gaps() {
        let mut history = History::with_columns([LOSS, VALIDATION_LOSS]);
        assert_eq!(History::from_state(&history.state()).unwrap(), history);
        history.push(0, &logs([(LOSS, 0.5)]));
        history.push(1, &logs([(LOSS, f32::INFINITY), ("learning_rate", 0.1)]));
        assert_eq!(History::from_state(&history.state()).unwrap(), history);
        assert!(History::from_state(&State::default()).is_err());
    }

    #[test]
    fn a_column_may_come_later() {
        let mut history = History::default();
        history.push(0, &logs([(LOSS, 0.5)]));
        history.push(1, &logs([(LOSS, 0.25), ("learning_rate", 0.1)]));
        let columns: BTreeMap<_, _> = history.columns().collect();
        assert_eq!(columns["learning_rate"], [None, Some(0.1)]);
        assert_eq!(history.epochs(), [0, 1]);
    }
}
