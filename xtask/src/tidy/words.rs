//! The project's texts speak of the project's own places.

use super::Findings;
use super::tree::Tree;

/// Paths that mean nothing to a user. Put together here, so that this file is no finding itself.
const FOREIGN: [&str; 2] = [concat!("/wo", "rk/"), concat!("../sha", "red")];

pub(super) fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for file in &tree.files {
        for (index, line) in file.content.lines().enumerate() {
            for word in FOREIGN.iter().filter(|word| line.contains(**word)) {
                findings.failures.push(format!(
                    "{}:{}: {word:?} means nothing to a user",
                    file.path.display(),
                    index + 1
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_path_is_found_where_it_stands() {
        let line = format!("fine\ncp {}x .\n", FOREIGN[0]);
        let failures = check(&Tree::of(&[("a.md", &line), ("b.md", "my work / shared")])).failures;
        assert_eq!(failures.len(), 1);
        assert!(failures[0].starts_with("a.md:2: "), "{failures:?}");
    }
}
