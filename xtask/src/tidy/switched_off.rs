//! A test that does not run is no test.

use super::Findings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for file in tree.rust() {
        for (index, line) in file.content.lines().enumerate() {
            if is_switched_off(line) {
                findings.failures.push(format!("{}:{}: a test is switched off", file.path.display(), index + 1));
            }
        }
    }
    findings
}

fn is_switched_off(line: &str) -> bool {
    let attribute = line.trim_start();
    ["#[ignore]", "#[ignore =", "#[ignore="].iter().any(|start| attribute.starts_with(start))
        || (attribute.starts_with("#[cfg_attr(") && attribute.contains(", ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_switch_a_test_off_is_found() {
        let code =
            "#[test]\n    #[ignore]\nfn a() {}\n#[ignore = \"slow\"]\n#[cfg_attr(miri, ignore)]\n// #[ignored]\n";
        let failures = check(&Tree::of(&[("a.rs", code), ("b.md", code)])).failures;
        assert_eq!(
            failures,
            ["a.rs:2: a test is switched off", "a.rs:4: a test is switched off", "a.rs:5: a test is switched off"]
        );
    }
}
