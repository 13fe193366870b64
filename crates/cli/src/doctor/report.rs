//! What was found: lines for people, a document for programs.

use serde_json::{Map, Value, json};

use crate::terminal::Terminal;

/// What a finding means for a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// Worth knowing; a training runs.
    Note,
    /// A training would stop.
    Broken,
}

#[derive(Debug)]
struct Finding {
    topic: &'static str,
    standing: Standing,
    text: String,
    /// What to do.
    advice: Option<String>,
}

/// Findings in the order in which they are told, and facts by topic.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    facts: Map<String, Value>,
}

impl Report {
    pub(super) fn good(&mut self, topic: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { topic, standing: Standing::Good, text: text.into(), advice: None });
    }

    pub(super) fn note(&mut self, topic: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(topic, Standing::Note, text, advice);
    }

    pub(super) fn broken(&mut self, topic: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(topic, Standing::Broken, text, advice);
    }

    pub(super) fn add(
        &mut self,
        topic: &'static str,
        standing: Standing,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding { topic, standing, text: text.into(), advice: Some(advice.into()) });
    }

    /// What programs read of a topic.
    pub(super) fn fact(&mut self, topic: &str, value: Value) {
        self.facts.insert(topic.to_owned(), value);
    }

    /// Whether a training can run.
    pub(super) fn is_sound(&self) -> bool {
        self.count(Standing::Broken) == 0
    }

    fn count(&self, standing: Standing) -> usize {
        self.findings.iter().filter(|finding| finding.standing == standing).count()
    }

    pub(super) fn document(&self) -> Value {
        let mut document = Map::new();
        document.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        document.insert("ok".to_owned(), json!(self.is_sound()));
        document.extend(self.facts.clone());
        let finding = |finding: &Finding| {
            json!({
                "topic": finding.topic,
                "standing": finding.standing.name(),
                "text": finding.text,
                "advice": finding.advice,
            })
        };
        document.insert("findings".to_owned(), self.findings.iter().map(finding).collect());
        Value::Object(document)
    }

    pub(super) fn lines(&self, terminal: &Terminal) -> Vec<String> {
        let width = self.findings.iter().map(|finding| finding.topic.len()).max().unwrap_or(0);
        let mut lines = Vec::new();
        let mut last = "";
        for finding in &self.findings {
            let topic = if finding.topic == last { "" } else { finding.topic };
            last = finding.topic;
            // Padded before it is styled: colours have no width.
            let mark = format!("{:<6}", finding.standing.name());
            let mark = match finding.standing {
                Standing::Good => terminal.green(mark),
                Standing::Note => mark,
                Standing::Broken => terminal.bold(mark),
            };
            lines.push(format!("{topic:<width$}  {mark}  {}", finding.text));
            if let Some(advice) = &finding.advice {
                lines.push(format!("{:<width$}          {advice}", ""));
            }
        }
        lines.push(match self.count(Standing::Broken) {
            0 => "Training can run.".to_owned(),
            1 => "Training cannot run: one thing is broken.".to_owned(),
            more => format!("Training cannot run: {more} things are broken."),
        });
        lines
    }
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Broken => "broken",
        }
    }
}

/// `90.4 MiB`, `1.2 GiB`.
pub(super) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_stands_under_its_finding_and_a_topic_is_named_once() {
        let mut report = Report::default();
        report.good("weights", "resnet50");
        report.note("weights", "no xception", "fetch it");
        report.good("disk", "enough");
        assert!(report.is_sound());
        let lines = report.lines(&Terminal::new(false, 1));
        assert_eq!(
            lines,
            [
                "weights  ok      resnet50",
                "         note    no xception",
                "                 fetch it",
                "disk     ok      enough",
                "Training can run.",
            ]
        );
        report.broken("disk", "full", "make room");
        assert!(!report.is_sound());
        let document = report.document();
        assert_eq!((&document["ok"], &document["findings"][3]["standing"]), (&json!(false), &json!("broken")));
        assert_eq!(document["findings"][3]["advice"], "make room");
    }
}
