//! A Prometheus of our own, with the configuration that is shipped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{process, workspace};

#[derive(Debug)]
pub(super) struct Prometheus {
    process: Child,
    url: String,
    folder: TempDir,
}

/// Where the shipped configuration looks for a training.
const TARGET: &str = "127.0.0.1:9464";
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that is needed and not there.
pub(super) fn missing() -> Option<&'static str> {
    ["prometheus", "promtool"].into_iter().find(|program| {
        let mut version = Command::new(program);
        version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        !version.status().is_ok_and(|status| status.success())
    })
}

/// Configuration, rules and the rules' own tests, as promtool judges them.
pub(super) fn check_rules() -> Result<()> {
    let folder = workspace::root().join("deploy/prometheus");
    let check = |words: &[&str]| process::output(Command::new("promtool").current_dir(&folder).args(words)).map(drop);
    check(&["check", "config", "prometheus.yml", "compose.yml"])?;
    check(&["test", "rules", "rules/xfer.test.yml"])
}

impl Prometheus {
    /// Starts one that scrapes `target`; nothing else of the shipped configuration is changed.
    pub(super) fn start(target: SocketAddr) -> Result<Self> {
        let shipped = workspace::root().join("deploy/prometheus");
        let folder = tempfile::tempdir()?;
        let configuration = fs::read_to_string(shipped.join("prometheus.yml"))?;
        if !configuration.contains(TARGET) {
            bail!("{}/prometheus.yml does not scrape {TARGET}", shipped.display());
        }
        fs::create_dir(folder.path().join("rules"))?;
        fs::copy(shipped.join("rules/xfer.yml"), folder.path().join("rules/xfer.yml"))?;
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration.replace(TARGET, &target.to_string()))?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let log = File::create(folder.path().join("log"))?;
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("prometheus does not start")?;
        let mut prometheus = Self { process, url: format!("http://{address}"), folder };
        prometheus.wait()?;
        Ok(prometheus)
    }

    /// The first value that the answer holds, if it holds one.
    pub(super) fn ask(&self, expression: &str) -> Result<Option<String>> {
        let url = format!("{}/api/v1/query", self.url);
        let answer =
            ureq::post(&url).config().http_status_as_error(false).build().send_form([("query", expression)])?;
        let answer: Value = serde_json::from_reader(answer.into_body().into_reader())?;
        if answer["status"] != "success" {
            bail!("Prometheus does not take {expression}: {}", answer["error"]);
        }
        let values =
            answer["data"]["result"].as_array().into_iter().flatten().filter_map(|series| series["value"][1].as_str());
        // A division by nothing is no answer.
        Ok(values.filter(|value| *value != "NaN").map(str::to_owned).next())
    }

    /// Names and expressions of the recording rules that it has loaded.
    pub(super) fn recorded(&self) -> Result<Vec<(String, String)>> {
        let rules = self.rules()?;
        let recording = rules.iter().filter(|rule| rule["type"] == "recording");
        let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
        Ok(recording.map(|rule| (format!("rule {}", text(rule, "name")), text(rule, "name"))).collect())
    }

    /// Every rule could be computed, and no alert about a healthy training is firing.
    pub(super) fn check_health(&self) -> Result<()> {
        for rule in self.rules()? {
            if rule["health"] != "ok" || rule["state"] == "firing" {
                bail!("rule {}: {} {} {}", rule["name"], rule["health"], rule["state"], rule["lastError"]);
            }
        }
        Ok(())
    }

    fn rules(&self) -> Result<Vec<Value>> {
        let answer = ureq::get(format!("{}/api/v1/rules", self.url)).call()?;
        let answer: Value = serde_json::from_reader(answer.into_body().into_reader())?;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect())
    }

    fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while ureq::get(format!("{}/-/ready", self.url)).call().is_err() {
            let said = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            if let Some(status) = self.process.try_wait()? {
                bail!("prometheus ended ({status}):\n{}", said());
            }
            if start.elapsed() > PATIENCE {
                bail!("prometheus is not ready after {} s:\n{}", PATIENCE.as_secs(), said());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
