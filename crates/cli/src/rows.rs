//! What a model makes of photos as a table: a row a photo, as CSV or as JSON lines.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use csv::{ByteRecord, Writer};
use serde::{Serialize, Serializer};
use xfer_trainer::Prediction;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// A header, and a line a photo (RFC 4180, but lines end in a line feed).
    #[default]
    Csv,
    /// A JSON object a photo, each in a line of its own.
    Jsonl,
}

/// Which columns there are besides `path`, `class`, `probability` and `error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The photo's own class and the loss.
    pub(crate) label: bool,
    /// So many of the most probable classes.
    pub(crate) top: usize,
    /// The probability of every class.
    pub(crate) all: bool,
}

/// Writes rows to `W`.
pub(crate) struct Rows<W: Write> {
    to: To<W>,
    classes: Vec<String>,
    columns: Columns,
}

enum To<W: Write> {
    Csv(Box<Writer<W>>),
    Jsonl(W),
}

impl<W: Write> Rows<W> {
    /// Begins a table of predictions of these classes; CSV has its header at once. `columns.top` is limited to the
    /// classes that there are.
    pub(crate) fn new(to: W, format: Format, classes: &[String], columns: Columns) -> anyhow::Result<Self> {
        let columns = Columns { top: columns.top.min(classes.len()), ..columns };
        let to = match format {
            Format::Csv => To::Csv(Box::new(Writer::from_writer(to))),
            Format::Jsonl => To::Jsonl(to),
        };
        let mut rows = Self { to, classes: classes.to_vec(), columns };
        if let To::Csv(writer) = &mut rows.to {
            writer.write_byte_record(&header(&rows.classes, columns)).map_err(unwritten)?;
        }
        Ok(rows)
    }

    /// The row of a photo.
    pub(crate) fn prediction(&mut self, prediction: &Prediction) -> anyhow::Result<()> {
        self.write(&prediction.path, prediction.label, Ok(prediction))
    }

    /// The row of a photo that could not be read or decoded.
    pub(crate) fn failure(&mut self, path: &Path, label: Option<u32>, reason: &str) -> anyhow::Result<()> {
        self.write(path, label, Err(reason))
    }

    /// Hands on what is written so far.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let flushed = match &mut self.to {
            To::Csv(writer) => writer.flush(),
            To::Jsonl(writer) => writer.flush(),
        };
        flushed.map_err(anyhow::Error::new)
    }

    fn write(&mut self, path: &Path, label: Option<u32>, outcome: Result<&Prediction, &str>) -> anyhow::Result<()> {
        let (classes, columns) = (&self.classes, self.columns);
        match &mut self.to {
            To::Csv(writer) => {
                writer.write_byte_record(&record(classes, columns, path, label, outcome)).map_err(unwritten)
            }
            To::Jsonl(writer) => {
                let mut line = serde_json::to_vec(&object(classes, columns, path, label, outcome))?;
                line.push(b'\n');
                writer.write_all(&line).map_err(anyhow::Error::new)
            }
        }
    }
}

/// Whether writing failed because nobody reads any more (`| head`).
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(broken)
}

/// The system's error, so that a pipe that broke is known.
fn unwritten(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => anyhow::Error::new(error),
        other => anyhow::anyhow!("{other:?}"),
    }
}

fn header(classes: &[String], columns: Columns) -> ByteRecord {
    let mut header = ByteRecord::from(vec!["path"]);
    if columns.label {
        header.push_field(b"label");
    }
    header.push_field(b"class");
    header.push_field(b"probability");
    if columns.label {
        header.push_field(b"loss");
    }
    for rank in 1..=columns.top {
        header.push_field(format!("top{rank}_class").as_bytes());
        header.push_field(format!("top{rank}_probability").as_bytes());
    }
    if columns.all {
        classes.iter().for_each(|class| header.push_field(format!("probability:{class}").as_bytes()));
    }
    header.push_field(b"error");
    header
}

fn record(
    classes: &[String],
    columns: Columns,
    path: &Path,
    label: Option<u32>,
    outcome: Result<&Prediction, &str>,
) -> ByteRecord {
    let prediction = outcome.ok();
    let mut record = ByteRecord::new();
    let mut push = |field: &[u8]| record.push_field(field);
    push(path.as_os_str().as_encoded_bytes());
    let name = |class: u32| classes[class as usize].as_bytes();
    let number = |value: Option<f32>| value.map(|value| format!("{value:?}")).unwrap_or_default();
    if columns.label {
        push(label.map(name).unwrap_or_default());
    }
    push(prediction.map(|prediction| name(prediction.predicted)).unwrap_or_default());
    push(number(prediction.map(Prediction::confidence)).as_bytes());
    if columns.label {
        push(number(prediction.and_then(|prediction| prediction.loss)).as_bytes());
    }
    let ranked = prediction.filter(|_| columns.top > 0).map(Prediction::ranked);
    for rank in 0..columns.top {
        let class = ranked.as_ref().map(|ranked| ranked[rank]);
        push(class.map(name).unwrap_or_default());
        push(number(probability(prediction, class)).as_bytes());
    }
    if columns.all {
        for class in 0..classes.len() as u32 {
            push(number(probability(prediction, Some(class))).as_bytes());
        }
    }
    push(outcome.err().unwrap_or_default().as_bytes());
    record
}

/// A JSON line; its keys come in this order.
#[derive(Serialize)]
struct Line<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Option<&'a str>>,
    class: Option<&'a str>,
    probability: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<Option<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Vec<Named<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Option<All<'a>>>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Named<'a> {
    class: &'a str,
    probability: Option<f32>,
}

/// An object of every class.
struct All<'a>(&'a [String], &'a Prediction);

impl Serialize for All<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(&self.1.probabilities))
    }
}

fn object<'a>(
    classes: &'a [String],
    columns: Columns,
    path: &'a Path,
    label: Option<u32>,
    outcome: Result<&'a Prediction, &'a str>,
) -> Line<'a> {
    let prediction = outcome.ok();
    let name = |class: u32| classes[class as usize].as_str();
    let top = || {
        let ranked = prediction.map(Prediction::ranked).unwrap_or_default();
        let named = |class| Named { class: name(class), probability: probability(prediction, Some(class)) };
        ranked.into_iter().take(columns.top).map(named).collect()
    };
    Line {
        path: path.to_string_lossy(),
        label: columns.label.then(|| label.map(name)),
        class: prediction.map(|prediction| name(prediction.predicted)),
        probability: prediction.map(Prediction::confidence),
        loss: columns.label.then(|| prediction.and_then(|prediction| prediction.loss)),
        top: (columns.top > 0).then(top),
        probabilities: columns.all.then(|| prediction.map(|prediction| All(classes, prediction))),
        error: outcome.err(),
    }
}

fn probability(prediction: Option<&Prediction>, class: Option<u32>) -> Option<f32> {
    prediction?.probabilities.get(class? as usize).copied()
}

impl Format {
    /// What the name of a file asks for.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        path.extension().and_then(|extension| extension.to_str()?.to_ascii_lowercase().parse().ok())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            _ => Err("expected csv or jsonl".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use xfer_trainer::Activation;

    fn written(format: Format, columns: Columns) -> String {
        let classes = ["rural", "a,b", "urban"].map(str::to_owned);
        let logits = [0.0, 2.0f32.ln(), 0.0];
        let prediction =
            Prediction::from_logits("x \"y\".jpg".as_ref(), Some(0), Activation::Softmax, &logits).unwrap();
        let mut bytes = Vec::new();
        let mut rows = Rows::new(&mut bytes, format, &classes, columns).unwrap();
        rows.prediction(&prediction).unwrap();
        rows.failure("broken.jpg".as_ref(), Some(2), "cut short").unwrap();
        rows.flush().unwrap();
        drop(rows);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_row_has_every_column() {
        let plain = "path,class,probability,error\n\"x \"\"y\"\".jpg\",\"a,b\",0.5,\nbroken.jpg,,,cut short\n";
        assert_eq!(written(Format::Csv, Columns::default()), plain);
        let text = written(Format::Csv, Columns { label: true, top: 2, all: true });
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let names = "path label class probability loss top1_class top1_probability top2_class top2_probability \
                     probability:rural probability:a,b probability:urban error";
        assert_eq!(header.iter().collect::<Vec<_>>(), names.split_whitespace().collect::<Vec<_>>());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let of = |row: usize, name: &str| rows[row].get(header.iter().position(|n| n == name).unwrap()).unwrap();
        assert_eq!((of(0, "label"), of(0, "top2_class"), of(0, "top2_probability")), ("rural", "rural", "0.25"));
        assert_eq!((of(0, "probability:urban"), of(0, "error")), ("0.25", ""));
        assert!((of(0, "loss").parse::<f32>().unwrap() - 4.0f32.ln()).abs() < 1e-6);
        assert_eq!((of(1, "label"), of(1, "class"), of(1, "error")), ("urban", "", "cut short"));
    }

    #[test]
    fn json_lines_have_the_same_keys_in_every_line() {
        let text = written(Format::Jsonl, Columns { top: 9, all: true, label: false });
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["top"].as_array().unwrap().len(), 3, "no more than there are classes");
        assert_eq!(lines[0]["top"][0], json!({ "class": "a,b", "probability": 0.5 }));
        assert_eq!(lines[0]["probabilities"]["rural"], 0.25);
        assert_eq!(lines[0]["error"], Value::Null);
        assert_eq!((&lines[1]["class"], &lines[1]["probabilities"]), (&Value::Null, &Value::Null));
        assert_eq!((&lines[1]["top"], &lines[1]["error"]), (&json!([]), &json!("cut short")));
        assert!(text.starts_with(r#"{"path":"x \"y\".jpg","class":"a,b","probability":0.5,"top":"#), "{text}");
        let keys = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&lines[0]), keys(&lines[1]));
    }

    #[test]
    fn names_of_files_tell_the_format() {
        assert_eq!(Format::of_file("a/b.CSV".as_ref()), Some(Format::Csv));
        assert_eq!(Format::of_file("b.jsonl".as_ref()), Some(Format::Jsonl));
        assert_eq!(Format::of_file("b.json".as_ref()), None);
    }
}
