//! `cargo xtask tidy`: what no compiler checks.
//!
//! - A Rust file of more than 600 lines fails; one of more than 400 is named.
//! - Every invariant that ARCHITECTURE.md numbers has a test, and every test that claims one names one that exists.
//! - No test is switched off.
//! - No text speaks of places that only exist where it was written.

mod invariants;
mod length;
mod switched_off;
mod tree;
mod words;

use anyhow::{Result, bail};

use self::tree::Tree;
use crate::workspace;

/// What one rule found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Each fails the run.
    failures: Vec<String>,
    /// Worth a look.
    warnings: Vec<String>,
}

pub(crate) fn run() -> Result<()> {
    let tree = Tree::read(&workspace::root())?;
    let mut failures = Vec::new();
    for rule in [length::check, invariants::check, switched_off::check, words::check] {
        let findings = rule(&tree);
        for warning in findings.warnings {
            println!("tidy: warning: {warning}");
        }
        failures.extend(findings.failures);
    }
    if failures.is_empty() {
        println!("tidy: {} files are in order", tree.files.len());
        return Ok(());
    }
    for failure in &failures {
        println!("tidy: {failure}");
    }
    bail!("tidy found {} things to mend", failures.len());
}
