//! `metrics.prom` as it is read: Prometheus' text format, of which only names, labels and values are of interest.

/// One series each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exposition {
    series: Vec<Series>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Exposition {
    /// Reads the text of the file. A line that cannot be understood is passed over.
    pub(crate) fn parse(text: &str) -> Self {
        Self { series: text.lines().filter(|line| !line.starts_with('#')).filter_map(Series::parse).collect() }
    }

    /// Every series of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.name == name)
    }

    /// The sum of every series of this name; `None` where there is none.
    pub(crate) fn sum(&self, name: &str) -> Option<f64> {
        self.all(name).map(|series| series.value).reduce(|sum, value| sum + value)
    }
}

impl Series {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(its, _)| its == name).map(|(_, value)| &**value)
    }

    /// `name{label="value",...} 1.5 [timestamp]`.
    fn parse(line: &str) -> Option<Self> {
        let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => labels(inside)?,
            None => (Vec::new(), rest),
        };
        let value = rest.split_whitespace().next()?.parse().ok()?;
        (!name.is_empty()).then(|| Self { name: name.to_owned(), labels, value })
    }
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        loop {
            match characters.next()? {
                (end, '"') => {
                    text = &rest[end + 1..];
                    break;
                }
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        }
        labels.push((name.trim().to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_apart_by_their_labels() {
        let text = concat!(
            "# HELP loader_stage_seconds Seconds that one image spent in a stage of the loader.\n",
            "# TYPE loader_stage_seconds histogram\n",
            "loader_stage_seconds_sum{run=\"a\",stage=\"decode\",flow=\"training\"} 1.5\n",
            "loader_stage_seconds_sum{run=\"a}, \\\"b\\\\\",stage=\"read\",flow=\"training\"} 0.25\n",
            "train_wait_seconds_total 2e-1\n",
            "half a line{\n",
            "train_loss{run=\"a\"} NaN\n",
        );
        let metrics = Exposition::parse(text);
        assert_eq!(metrics.sum("train_wait_seconds_total"), Some(0.2));
        assert_eq!(metrics.sum("loader_stage_seconds_sum"), Some(1.75));
        assert_eq!(metrics.sum("loader_stage_seconds"), None);
        let read: Vec<_> =
            metrics.all("loader_stage_seconds_sum").filter(|series| series.label("stage") == Some("read")).collect();
        assert_eq!((read.len(), read[0].value, read[0].label("run")), (1, 0.25, Some("a}, \"b\\")));
        assert!(metrics.sum("train_loss").unwrap().is_nan());
        assert_eq!(Exposition::parse("{} 1\nx\n{a=\"\n"), Exposition::default());
    }
}
