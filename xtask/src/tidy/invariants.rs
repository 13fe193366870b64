//! What always holds is tested.
//!
//! ARCHITECTURE.md has one section whose heading contains "invariants" or "always holds"; the numbered items in it are
//! the invariants. A test claims one by a comment line `// invariant N`, on its own or followed by `:` and words, in the
//! lines directly above its `#[test]` attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Findings;
use super::tree::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    let Some(document) = tree.files.iter().find(|file| file.path == Path::new(DOCUMENT)) else {
        findings.failures.push(format!("{DOCUMENT} is missing; it numbers what always holds"));
        return findings;
    };
    let numbered = numbered(&document.content);
    if numbered.is_empty() {
        findings.failures.push(format!(
            "{DOCUMENT} has no section on invariants (a heading with \"invariants\" or \"always holds\" and a numbered \
             list)"
        ));
    }
    let mut claimed = BTreeMap::new();
    for file in tree.rust() {
        for claim in claims(&file.content) {
            let place = format!("{}:{}", file.path.display(), claim.line);
            if !claim.above_test {
                findings
                    .failures
                    .push(format!("{place}: invariant {} is claimed above something that is no test", claim.number));
            } else if !numbered.contains(&claim.number) {
                findings.failures.push(format!("{place}: {DOCUMENT} has no invariant {}", claim.number));
            } else {
                claimed.entry(claim.number).or_insert(place);
            }
        }
    }
    for number in numbered.iter().filter(|number| !claimed.contains_key(number)) {
        findings
            .failures
            .push(format!("invariant {number} of {DOCUMENT} has no test (`// invariant {number}` above one)"));
    }
    findings
}

fn numbered(document: &str) -> BTreeSet<u32> {
    let mut inside = false;
    let mut numbers = BTreeSet::new();
    for line in document.lines() {
        if line.starts_with('#') {
            let heading = line.to_lowercase();
            inside = heading.contains("invariants") || heading.contains("always holds");
        } else if inside
            && let Some((number, _)) = line.split_once(". ")
            && let Ok(number) = number.parse()
        {
            numbers.insert(number);
        }
    }
    numbers
}

#[derive(Debug, PartialEq, Eq)]
struct Claim {
    number: u32,
    line: usize,
    above_test: bool,
}

fn claims(code: &str) -> Vec<Claim> {
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let claim = |(index, line): (usize, &&str)| {
        let rest = line.strip_prefix("// invariant ")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if !(after.is_empty() || after.starts_with(':')) {
            return None;
        }
        let below = lines[index + 1..].iter().find(|line| !line.starts_with("//"));
        Some(Claim {
            number: number.parse().ok()?,
            line: index + 1,
            above_test: below.is_some_and(|line| is_test(line)),
        })
    };
    lines.iter().enumerate().filter_map(claim).collect()
}

fn is_test(line: &str) -> bool {
    let path = line.strip_prefix("#[").and_then(|line| line.split([']', '(']).next());
    path.is_some_and(|path| path == "test" || path.ends_with("::test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT_TEXT: &str =
        "# House\n1. not one\n## What always holds\n\n1. first\n2. second\n   3. nested\n## Else\n4. no\n";

    fn failures(document: &str, code: &str) -> Vec<String> {
        check(&Tree::of(&[(DOCUMENT, document), ("a.rs", code)])).failures
    }

    #[test]
    fn items_of_the_section_count_and_others_do_not() {
        assert_eq!(numbered(DOCUMENT_TEXT), BTreeSet::from([1, 2]));
    }

    #[test]
    fn tested_invariants_are_in_order() {
        let code = "// invariant 1\n#[test]\nfn a() {}\n// invariant 2: same bytes\n// at any thread count\n#[tokio::test(flavor = \"x\")]\n";
        assert!(failures(DOCUMENT_TEXT, code).is_empty());
    }

    #[test]
    fn an_invariant_without_a_test_fails() {
        let found = failures(DOCUMENT_TEXT, "// invariant 1\n#[test]\n");
        assert_eq!(found, ["invariant 2 of ARCHITECTURE.md has no test (`// invariant 2` above one)"]);
    }

    #[test]
    fn a_claim_must_be_above_a_test_and_name_one_that_exists() {
        let code = "// invariant 1\n#[test]\n// invariant 2\nfn helper() {}\n// invariant 7\n#[test]\n";
        let found = failures(DOCUMENT_TEXT, code);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("a.rs:3: invariant 2 is claimed above something"), "{found:?}");
        assert!(found[1].starts_with("a.rs:5: ARCHITECTURE.md has no invariant 7"), "{found:?}");
    }

    #[test]
    fn no_document_and_no_section_fail() {
        assert!(check(&Tree::of(&[("a.rs", "")])).failures[0].contains("is missing"));
        assert!(failures("# House\n", "")[0].contains("has no section on invariants"));
    }
}
