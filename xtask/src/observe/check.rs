//! Every question of the dashboard and of the rules, asked of a Prometheus that scrapes a real training.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use super::dashboard::{VARIABLES, rows};
use super::prometheus::{self, Prometheus};
use super::training::Training;

/// How to check.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Our executable [default: built in the dev profile].
    #[arg(long, value_name = "PATH")]
    xfer_cli: Option<PathBuf>,
}

/// For how long an answer may be missing: a few scrapes, and the time until the first step.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(1);

/// One question, and where it comes from.
#[derive(Debug)]
struct Question {
    asker: String,
    expression: String,
    answer: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    if let Some(program) = prometheus::missing() {
        bail!("{program} is not installed; on Debian: apt-get install prometheus");
    }
    prometheus::check_rules()?;
    let training = Training::start(options.xfer_cli.as_deref())?;
    let prometheus = Prometheus::start(training.address())?;
    let mut questions = dashboard_questions();
    questions.extend(prometheus.recorded()?.into_iter().map(|(name, expression)| question(name, expression)));
    let start = Instant::now();
    while questions.iter().any(|question| question.answer.is_none()) {
        if start.elapsed() > PATIENCE {
            break;
        }
        thread::sleep(PAUSE);
        for question in questions.iter_mut().filter(|question| question.answer.is_none()) {
            question.answer = prometheus.ask(&question.expression)?;
        }
    }
    tell(&questions);
    prometheus.check_health()?;
    let silent = questions.iter().filter(|question| question.answer.is_none()).count();
    if silent > 0 {
        bail!("{silent} of {} questions have no answer; the training said:\n{}", questions.len(), training.said());
    }
    Ok(())
}

fn dashboard_questions() -> Vec<Question> {
    let panels = rows().into_iter().flat_map(|row| row.panels);
    panels
        .flat_map(|panel| {
            panel
                .queries
                .into_iter()
                .map(move |query| question(format!("{}: {}", panel.title, query.legend), query.expression))
        })
        .collect()
}

/// Grafana's variables become what they stand for at first: everything, and the time that is shown.
fn question(asker: String, expression: String) -> Question {
    let mut expression = expression.replace("$__rate_interval", "30s").replace("$__range", "5m");
    for (name, _) in VARIABLES {
        expression = expression.replace(&format!("${name}\""), ".+\"");
    }
    Question { asker, expression, answer: None }
}

fn tell(questions: &[Question]) {
    let width = questions.iter().map(|question| question.asker.chars().count()).max().unwrap_or(0);
    for Question { asker, expression, answer } in questions {
        println!("{asker:width$}  {:>14}  {expression}", answer.as_deref().unwrap_or("no answer"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_is_left_in_a_question() {
        for question in dashboard_questions() {
            assert!(!question.expression.contains('$'), "{}", question.expression);
        }
    }
}
