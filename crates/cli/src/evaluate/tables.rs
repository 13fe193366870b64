//! An evaluation as people read it.

use std::path::Path;

use console::{measure_text_width, pad_str, truncate_str};
use xfer_trainer::Evaluation;
use xfer_trainer::evaluation::{Averages, Calibration, Judged};

use crate::terminal::Terminal;

/// Beyond so many classes the confusion matrix is not printed, and of the classes those that are told worst.
const SHOWN_CLASSES: usize = 20;
/// Rows of a list of single photos or of confusions.
const LISTED: usize = 5;
/// Columns of the longest name of a class.
const NAME_WIDTH: usize = 24;
/// Columns of a line of the confusion matrix with names above; numbers take their place where it would be longer.
const LINE_WIDTH: usize = 100;

pub(super) fn tell(evaluation: &Evaluation, root: &Path, terminal: &Terminal) {
    for line in lines(evaluation, root) {
        match line {
            Line::Title(title) => terminal.line(format_args!("\n{}", terminal.bold(title))),
            Line::Text(text) => terminal.line(text),
        }
    }
}

enum Line {
    Title(String),
    Text(String),
}

fn lines(evaluation: &Evaluation, root: &Path) -> Vec<Line> {
    let names: Vec<String> =
        evaluation.classes.iter().map(|name| truncate_str(name, NAME_WIDTH, "…").into_owned()).collect();
    let mut lines = vec![Line::Title("Result".to_owned())];
    lines.extend(text(summary(evaluation)));
    lines.push(Line::Title("Classes".to_owned()));
    lines.extend(text(classes(evaluation, &names)));
    if names.len() <= SHOWN_CLASSES {
        lines.push(Line::Title("Confusion matrix (rows: the class, columns: what it was taken for)".to_owned()));
        lines.extend(text(confusion(evaluation, &names)));
    }
    if names.len() > 2 && !evaluation.top_confusions.is_empty() {
        lines.push(Line::Title("Taken for each other most".to_owned()));
        lines.extend(text(confusions(evaluation, &names)));
    }
    lines.push(Line::Title("Calibration".to_owned()));
    lines.extend(text(calibration(&evaluation.calibration)));
    for (title, samples) in [("Most wrong", &evaluation.most_wrong), ("Least sure", &evaluation.least_sure)] {
        if !samples.is_empty() {
            lines.push(Line::Title(title.to_owned()));
            lines.extend(text(photos(samples, &names, root)));
        }
    }
    lines
}

fn text(lines: Vec<String>) -> impl Iterator<Item = Line> {
    lines.into_iter().map(Line::Text)
}

fn summary(evaluation: &Evaluation) -> Vec<String> {
    let mut rows = vec![
        vec!["accuracy".to_owned(), share(evaluation.accuracy)],
        vec!["loss".to_owned(), format!("{:.4}", evaluation.loss)],
    ];
    if let Some(accuracy) = evaluation.binary_accuracy.filter(|_| evaluation.classes.len() > 2) {
        rows.insert(1, vec!["accuracy of single outputs".to_owned(), share(accuracy)]);
    }
    rows.extend(evaluation.top_k.iter().map(|top| vec![format!("top {} accuracy", top.k), share(top.accuracy)]));
    table(rows)
}

/// scikit-learn's `classification_report`.
fn classes(evaluation: &Evaluation, names: &[String]) -> Vec<String> {
    let mut rows = vec![["", "precision", "recall", "f1", "photos"].map(str::to_owned).to_vec()];
    let scores = &evaluation.per_class;
    let mut order: Vec<usize> = (0..names.len()).collect();
    if names.len() > SHOWN_CLASSES {
        order.sort_by(|&a, &b| scores[a].f1.total_cmp(&scores[b].f1));
        order.truncate(SHOWN_CLASSES / 2);
    }
    for &class in &order {
        let of = &scores[class];
        let shares = [of.precision, of.recall, of.f1].map(share);
        rows.push([&[names[class].clone()][..], &shares, &[of.support.to_string()]].concat());
    }
    for (name, of) in
        [("mean of the classes", evaluation.macro_average), ("weighted by photos", evaluation.weighted_average)]
    {
        let Averages { precision, recall, f1 } = of;
        let shares = [precision, recall, f1].map(share);
        rows.push([&[name.to_owned()][..], &shares, &[evaluation.samples.to_string()]].concat());
    }
    let mut lines = table(rows);
    if order.len() < names.len() {
        let left_out =
            format!("  the {} that are told worst; {} more do better", order.len(), names.len() - order.len());
        lines.insert(1 + order.len(), left_out);
    }
    let some = |name: &str, these: Vec<&String>, why: &str| {
        let listed = these.iter().take(LISTED).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let more = these.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!these.is_empty()).then(|| format!("  {name} counts as 0 {why}: {listed}{more}"))
    };
    let having = |condition: fn(&xfer_trainer::evaluation::ClassScores) -> bool| {
        names.iter().zip(scores).filter(|(_, of)| condition(of)).map(|(name, _)| name).collect()
    };
    lines.extend(some("precision", having(|of| of.predicted == 0), "where no photo was taken for the class"));
    lines.extend(some("recall", having(|of| of.support == 0), "where the class has no photo"));
    lines
}

fn confusion(evaluation: &Evaluation, names: &[String]) -> Vec<String> {
    let numbered = {
        let columns = names.iter().map(|name| measure_text_width(name).max(6) + 2).sum::<usize>();
        names.iter().map(|name| measure_text_width(name)).max().unwrap_or(0) + columns > LINE_WIDTH
    };
    let row_name = |(number, name): (usize, &String)| if numbered { format!("{number} {name}") } else { name.clone() };
    let mut header = vec![String::new()];
    header.extend(
        names.iter().enumerate().map(|(number, name)| if numbered { number.to_string() } else { name.clone() }),
    );
    let mut rows = vec![header];
    for (named, counts) in names.iter().enumerate().zip(&evaluation.confusion) {
        let mut row = vec![row_name(named)];
        row.extend(counts.iter().map(u64::to_string));
        rows.push(row);
    }
    table(rows)
}

fn confusions(evaluation: &Evaluation, names: &[String]) -> Vec<String> {
    let rows = evaluation.top_confusions.iter().take(LISTED.max(SHOWN_CLASSES / 2)).map(|pair| {
        let (label, predicted) = (&names[pair.label as usize], &names[pair.predicted as usize]);
        vec![format!("{label} for {predicted}"), pair.count.to_string()]
    });
    table(rows.collect())
}

fn calibration(calibration: &Calibration) -> Vec<String> {
    let &Calibration { expected_error, maximum_error, ref bins } = calibration;
    let mut rows = vec![["confidence", "photos", "mean", "accuracy"].map(str::to_owned).to_vec()];
    for bin in bins.iter().filter(|bin| bin.count > 0) {
        let (from, to) = (format!("{:.2}", bin.above), format!("{:.2}", bin.up_to));
        rows.push(vec![format!("{from} to {to}"), bin.count.to_string(), share(bin.confidence), share(bin.accuracy)]);
    }
    let mut lines = table(rows);
    lines.push(format!("  expected calibration error {expected_error:.4}, the largest of a bin {maximum_error:.4}"));
    lines
}

fn photos(samples: &[Judged], names: &[String], root: &Path) -> Vec<String> {
    let rows = samples.iter().take(LISTED).map(|sample| {
        let path = sample.path.strip_prefix(root).unwrap_or(&sample.path);
        let predicted = &names[sample.predicted as usize];
        let right = if sample.label == sample.predicted { "right" } else { "wrong" };
        vec![path.display().to_string(), format!("{predicted} {right}"), format!("{:.4}", sample.confidence)]
    });
    table(rows.collect())
}

/// Four digits, as Keras prints accuracies.
fn share(value: f64) -> String {
    format!("{value:.4}")
}

/// Columns below each other: the first to the left, numbers to the right.
fn table(rows: Vec<Vec<String>>) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| measure_text_width(text)).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (text, &width))| {
            let number = column > 0;
            let side = if number { console::Alignment::Right } else { console::Alignment::Left };
            pad_str(text, width, side, None).into_owned()
        });
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xfer_trainer::{Activation, Prediction};

    fn told(classes: &[&str], photos: &[(u32, Vec<f32>)]) -> Vec<String> {
        let names: Vec<String> = classes.iter().map(|&name| name.to_owned()).collect();
        let predictions: Vec<Prediction> = photos
            .iter()
            .enumerate()
            .map(|(number, (label, logits))| {
                let path = format!("photos/{number}.jpg");
                Prediction::from_logits(path.as_ref(), Some(*label), Activation::Softmax, logits).unwrap()
            })
            .collect();
        let evaluation = Evaluation::of(&names, Activation::Softmax, &predictions).unwrap();
        let lines = lines(&evaluation, "photos".as_ref());
        lines
            .into_iter()
            .map(|line| match line {
                Line::Title(text) | Line::Text(text) => text,
            })
            .collect()
    }

    #[test]
    fn tables_line_up() {
        let photos = [(0, vec![2.0, 0.0]), (0, vec![0.0, 1.0]), (1, vec![0.0, 3.0])];
        let told = told(&["rural", "ländlich"], &photos).join("\n");
        let expected = "\
Result
  accuracy  0.6667
  loss      0.4963
Classes
                       precision  recall      f1  photos
  rural                   1.0000  0.5000  0.6667       2
  ländlich                0.5000  1.0000  0.6667       1
  mean of the classes     0.7500  0.7500  0.6667       3
  weighted by photos      0.8333  0.6667  0.6667       3
Confusion matrix (rows: the class, columns: what it was taken for)
            rural  ländlich
  rural         1         1
  ländlich      0         1
Calibration
  confidence    photos    mean  accuracy
  0.67 to 0.73  ";
        assert!(told.starts_with(expected), "{told}");
        assert!(told.contains("Most wrong\n  1.jpg  ländlich wrong  0.7311\nLeast sure\n"), "{told}");
    }

    #[test]
    fn a_hundred_classes_stay_readable() {
        let names: Vec<String> = (0..100).map(|class| format!("class {class}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let photo = |class: u32| {
            let taken_for = if class == 7 { 8 } else { class };
            (class, (0..100).map(|other| if other == taken_for { 5.0 } else { 0.0 }).collect())
        };
        let told = told(&names, &(0..99).map(photo).collect::<Vec<_>>());
        assert!(told.len() < 60 && told.iter().all(|line| line.chars().count() <= 100), "{told:#?}");
        let text = told.join("\n");
        assert!(!text.contains("Confusion matrix") && text.contains("class 7 for class 8"), "{text}");
        assert!(text.contains("the 10 that are told worst; 90 more do better"), "{text}");
        assert!(
            text.contains("precision counts as 0 where no photo was taken for the class: class 7, class 99"),
            "{text}"
        );
        assert!(text.contains("recall counts as 0 where the class has no photo: class 99"), "{text}");
    }
}
