//! Running other programs: a failure names the whole command line.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` with this process' own input and output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.status().with_context(|| format!("cannot start: {line}"))?;
    if !status.success() {
        bail!("failed ({status}): {line}");
    }
    Ok(())
}

/// Runs `command` silently; its last lines appear only if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start: {line}"))?;
    if !output.status.success() {
        bail!("failed ({}): {line}\n{}", output.status, last_lines(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one could type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut line = String::new();
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in set.filter(|(name, _)| *name == "RUSTDOCFLAGS") {
        line.push_str(&format!("{}={} ", name.display(), quoted(value)));
    }
    line.push_str(&words.map(quoted).collect::<Vec<_>>().join(" "));
    line
}

fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    if text.is_empty() || text.contains([' ', '\'', '"', '*', '$', '\\', '<', '>']) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else {
        text.into_owned()
    }
}

fn last_lines(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&both);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(15);
    lines[from..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_and_its_last_words() {
        let error = output(Command::new("sh").args(["-c", "echo first; echo 'last word' >&2; exit 3"]))
            .expect_err("exits with 3")
            .to_string();
        assert!(error.contains("3") && error.contains("sh -c 'echo first;"), "{error}");
        assert!(error.ends_with("  first\n  last word"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).expect_err("missing").to_string();
        assert!(error.contains("cannot start: no-such-program-here"), "{error}");
    }
}
