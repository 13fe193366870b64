//! `history.csv` as it is read: the file of Keras' `CSVLogger`, whoever wrote it.

use xfer_trainer::Direction;

/// One column a metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Curves {
    /// Numbers of the epochs, from 0.
    pub(crate) epochs: Vec<u64>,
    columns: Vec<(String, Vec<Option<f64>>)>,
}

/// A value and the epoch it is of, from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) epoch: u64,
    pub(crate) value: f64,
}

impl Curves {
    /// Reads the text of the file. A last line that is cut short is left out.
    ///
    /// # Errors
    ///
    /// Why it cannot be understood, in words that follow the file's name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| format!("damaged: {error}"))?.clone();
        if header.get(0) != Some("epoch") {
            return Err("damaged: no column `epoch` in its first line".to_owned());
        }
        let mut curves = Self {
            epochs: Vec::new(),
            columns: header.iter().skip(1).map(|name| (name.to_owned(), Vec::new())).collect(),
        };
        for (line, record) in (2..).zip(reader.records()) {
            let record = record.map_err(|error| format!("damaged: {error}"))?;
            if record.len() != header.len() {
                // What a process that was killed had written of its last epoch.
                if reader_is_done(text, line) {
                    break;
                }
                return Err(format!("damaged: line {line} has {} fields instead of {}", record.len(), header.len()));
            }
            let epoch = record[0].trim().parse::<f64>().ok().filter(|epoch| *epoch >= 0.0);
            let Some(epoch) = epoch else { return Err(format!("damaged: line {line}: {:?} is no epoch", &record[0])) };
            curves.epochs.push(epoch as u64);
            for ((_, values), field) in curves.columns.iter_mut().zip(record.iter().skip(1)) {
                values.push(field.trim().parse().ok());
            }
        }
        Ok(curves)
    }

    /// Name and values of every metric; `None` where an epoch has no value.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &[Option<f64>])> {
        self.columns.iter().map(|(name, values)| (&**name, &**values))
    }

    /// The values of one metric.
    pub(crate) fn column(&self, name: &str) -> Option<&[Option<f64>]> {
        self.columns().find(|(its, _)| *its == name).map(|(_, values)| values)
    }

    /// The metric in the last epoch that has a value.
    pub(crate) fn last(&self, name: &str) -> Option<Point> {
        self.points(name).last()
    }

    /// The first epoch in which the metric was at its best; none where it is not known what is good, or no value is a
    /// number.
    pub(crate) fn best(&self, name: &str) -> Option<Point> {
        let better = match Direction::of(name).ok()? {
            Direction::Min => |new: f64, old: f64| new < old,
            Direction::Max => |new: f64, old: f64| new > old,
        };
        let numbers = self.points(name).filter(|point| !point.value.is_nan());
        numbers.reduce(|best, point| if better(point.value, best.value) { point } else { best })
    }

    fn points(&self, name: &str) -> impl Iterator<Item = Point> {
        let values = self.column(name).unwrap_or_default();
        self.epochs.iter().zip(values).filter_map(|(&epoch, value)| Some(Point { epoch, value: (*value)? }))
    }
}

/// Whether `line`, from 1, is the last of `text`.
fn reader_is_done(text: &str, line: usize) -> bool {
    text.lines().count() <= line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keras_writes_is_read() {
        let text = "epoch,accuracy,learning_rate,loss,val_loss\r\n0,0.25,0.1,0.5,NA\r\n1,0.75,0.1,0.25,1.0\r\n2,0.75,0.05,nan,2.0\r\n";
        let curves = Curves::parse(text).unwrap();
        assert_eq!(curves.epochs, [0, 1, 2]);
        assert_eq!(curves.column("val_loss").unwrap(), [None, Some(1.0), Some(2.0)]);
        assert_eq!(curves.best("val_loss"), Some(Point { epoch: 1, value: 1.0 }));
        assert_eq!(curves.last("val_loss"), Some(Point { epoch: 2, value: 2.0 }));
        assert_eq!(curves.best("accuracy"), Some(Point { epoch: 1, value: 0.75 }), "the first of equals");
        assert_eq!(curves.best("loss"), Some(Point { epoch: 1, value: 0.25 }), "nan is never best");
        assert!(curves.last("loss").unwrap().value.is_nan());
        assert_eq!(curves.best("learning_rate"), None);
        assert_eq!(curves.best("auc"), None);
    }

    #[test]
    fn a_line_that_is_cut_short_counts_only_where_more_follows() {
        let curves = Curves::parse("epoch,accuracy,loss\r\n0,0.5,0.5\r\n1,0.").unwrap();
        assert_eq!(curves.epochs, [0]);
        let told = Curves::parse("epoch,accuracy,loss\r\n0,0.5\r\n1,0.5,0.5\r\n").unwrap_err();
        assert!(told.contains("line 2 has 2 fields instead of 3"), "{told}");
        assert!(Curves::parse("").is_err() && Curves::parse("a,b\n").is_err());
        let told = Curves::parse("epoch,loss\nx,1\n").unwrap_err();
        assert!(told.contains("\"x\" is no epoch"), "{told}");
        assert_eq!(Curves::parse("epoch,loss\n").unwrap().epochs, [0; 0]);
    }
}
