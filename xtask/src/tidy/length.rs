//! Rust files stay short enough to be read in one go.

use super::Findings;
use super::tree::Tree;

const HARD: usize = 600;
const SOFT: usize = 400;

pub(super) fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for file in tree.rust() {
        let lines = file.content.lines().count();
        let path = file.path.display();
        if lines > HARD {
            findings.failures.push(format!("{path} has {lines} lines; {HARD} are the limit"));
        } else if lines > SOFT {
            findings.warnings.push(format!("{path} has {lines} lines; {SOFT} are enough"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_the_line() {
        let lines = |count: usize| "x\n".repeat(count);
        let texts = [lines(400), lines(401), lines(600), lines(601), lines(601)];
        let names = ["a.rs", "b.rs", "c.rs", "d.rs", "e.md"];
        let files: Vec<_> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let findings = check(&Tree::of(&files));
        assert_eq!(findings.warnings, ["b.rs has 401 lines; 400 are enough", "c.rs has 600 lines; 400 are enough"]);
        assert_eq!(findings.failures, ["d.rs has 601 lines; 600 are the limit"]);
    }
}
