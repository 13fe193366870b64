//! The Python of this machine: its pip fetches wheels, its `torch` may serve as libtorch.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::TORCH_VERSION;
use super::libtorch::release;
use crate::process;

/// The interpreter that the bindings' build script would run.
pub(super) fn interpreter() -> &'static str {
    if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" }
}

/// Makes sure that there is a Python with pip.
pub(super) fn check_pip() -> Result<()> {
    let python = interpreter();
    if process::output(Command::new(python).arg("--version")).is_err() {
        bail!(
            "{python} does not run, and its pip is needed to fetch libtorch. Install Python 3 with pip (Debian, Ubuntu: \
             apt install python3-pip; Fedora: dnf install python3-pip), or set LIBTORCH to a libtorch {TORCH_VERSION}"
        );
    }
    process::output(Command::new(python).args(["-m", "pip", "--version"])).map(drop).with_context(|| {
        format!(
            "{python} has no pip, which is needed to fetch libtorch. Install it (Debian, Ubuntu: apt install \
             python3-pip; Fedora: dnf install python3-pip; elsewhere: {python} -m ensurepip), or set LIBTORCH to a \
             libtorch {TORCH_VERSION}"
        )
    })
}

/// The version of the interpreter's own `torch`, which must be the right release.
pub(super) fn torch_version() -> Result<String> {
    let python = interpreter();
    let text = process::output(Command::new(python).args(["-c", "import torch; print(torch.__version__)"]))
        .with_context(|| {
            format!(
                "LIBTORCH_USE_PYTORCH is set, but {python} cannot import torch: `{python} -m pip install \
                 torch=={TORCH_VERSION}`, or unset LIBTORCH_USE_PYTORCH"
            )
        })?;
    let version = text.trim().lines().last().unwrap_or_default().to_owned();
    if release(&version) != TORCH_VERSION && std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none() {
        bail!(
            "LIBTORCH_USE_PYTORCH is set, and {python} has torch {version}, but {TORCH_VERSION} is needed: `{python} -m \
             pip install torch=={TORCH_VERSION}`, or unset LIBTORCH_USE_PYTORCH"
        );
    }
    Ok(version)
}
