//! Cargo, called as a user at the workspace's root would call it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{process, workspace};

/// `cargo <arguments>` in the workspace's root.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    // Inherited from `.cargo/config.toml` through the cargo that runs this. Handed on as a real variable it would look
    // like a change to the build script that watches it, and libtorch's bindings would be compiled again and again.
    if std::env::var_os("LIBTORCH").is_some_and(|value| workspace::libtorch_link() == value) {
        command.env_remove("LIBTORCH");
    }
    command
}

#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

/// Builds the executable `name` of the package `package` in release mode and says where it is.
pub(crate) fn build_release(package: &str, name: &str) -> Result<PathBuf> {
    built(package, name, "release")
}

/// Builds the executable `name` of the package `package` for development, as tests have it, and says where it is.
pub(crate) fn build(package: &str, name: &str) -> Result<PathBuf> {
    built(package, name, "dev")
}

fn built(package: &str, name: &str, profile: &str) -> Result<PathBuf> {
    let mut command =
        command(&["build", "--profile", profile, "--package", package, "--message-format=json-render-diagnostics"]);
    let line = process::line(&command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start: {line}"))?;
    if !output.status.success() {
        bail!("failed ({}): {line}", output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout), name)
        .with_context(|| format!("{line} made no executable called {name}"))
}

fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_other_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"xfer_hub"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"xfer-cli"},"executable":"/t/release/xfer-cli"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "xfer-cli"), Some(PathBuf::from("/t/release/xfer-cli")));
        assert_eq!(executable(messages, "xfer_hub"), None);
    }
}
