//! Our batches: `xfer-cli batches`, one process a configuration.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

use super::keras::Job;
use crate::process;

const AT_A_TIME: usize = 2;

/// `xfer-cli batches` for one job.
pub(super) fn command(executable: &Path, job: &Job) -> Command {
    let configuration = &job.configuration;
    let text = |arguments: &serde_json::Map<_, _>| serde_json::Value::from(arguments.clone()).to_string();
    let mut command = Command::new(executable);
    command.arg("batches").arg("--data").arg(&job.data);
    if let Some(table) = &job.table {
        command.arg("--table").arg(table);
    }
    command.args(["--config", &text(&configuration.config), "--flow", &text(&configuration.flow)]);
    command.args(["--count", &configuration.count.to_string(), "--seed", &configuration.seed.to_string()]);
    command.args(["--compat", "keras3", "--output"]).arg(&job.output);
    command
}

/// Runs every job; the results are in their order.
pub(super) fn run(executable: &Path, jobs: &[Job]) -> Vec<Result<()>> {
    let results: Vec<OnceLock<Result<()>>> = jobs.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((job, result)) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(number).zip(results.get(number))
        } {
            // Nobody else has this number.
            let _ = result.set(process::output(&mut command(executable, job)).map(drop));
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let unreached = || Err(anyhow::anyhow!("was not run"));
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(unreached)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::configuration::Configuration;
    use super::*;

    fn job(name: &str) -> Job {
        let configuration: Configuration = serde_json::from_value(serde_json::json!({
            "config": {"zoom_range": [0.5, 1.5]},
            "flow": {"class_mode": null, "seed": 3},
            "count": 2,
            "seed": 3,
        }))
        .unwrap();
        Job { name: name.to_owned(), data: PathBuf::from("d"), table: None, configuration, output: PathBuf::from("o") }
    }

    #[test]
    fn the_command_can_be_typed() {
        assert_eq!(
            process::line(&command(Path::new("xfer-cli"), &job("a"))),
            r#"xfer-cli batches --data d --config '{"zoom_range":[0.5,1.5]}' --flow '{"class_mode":null,"seed":3}' --count 2 --seed 3 --compat keras3 --output o"#
        );
    }

    #[test]
    fn each_job_has_its_own_result() {
        let jobs: Vec<_> = (0..5).map(|number| job(&number.to_string())).collect();
        assert!(run(Path::new("true"), &jobs).iter().all(Result::is_ok));
        let failed = run(Path::new("false"), &jobs);
        assert_eq!(failed.iter().filter(|result| result.is_err()).count(), 5);
    }
}
