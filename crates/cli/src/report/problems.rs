//! Files that failed, by why: ten thousand are as readable as none.

use crate::runs::FailedFile;

/// Files that are named of each reason.
const NAMED: usize = 8;
/// Reasons that have a line of their own.
const REASONS: usize = 20;

/// Files that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) stage: String,
    pub(super) reason: String,
    pub(super) count: usize,
    pub(super) skipped: usize,
    pub(super) replaced: usize,
    /// The first of them.
    pub(super) files: Vec<String>,
    /// How many are not named.
    pub(super) more: usize,
}

/// The reasons, the most frequent first, and how many files failed for reasons that are not among them.
pub(super) fn by_reason(failures: &[FailedFile]) -> (Vec<Reason>, usize) {
    let mut reasons: Vec<Reason> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for failure in failures {
        let stage = failure.stage.clone().unwrap_or_default();
        let kind = without_numbers(&failure.reason);
        let place = *places.entry((stage.clone(), kind)).or_insert_with(|| {
            let reason = failure.reason.clone();
            reasons.push(Reason { stage, reason, count: 0, skipped: 0, replaced: 0, files: Vec::new(), more: 0 });
            reasons.len() - 1
        });
        let reason = &mut reasons[place];
        reason.count += 1;
        *(if failure.replacement.is_some() { &mut reason.replaced } else { &mut reason.skipped }) += 1;
        if reason.files.len() < NAMED {
            reason.files.push(failure.path.clone());
        } else {
            reason.more += 1;
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    let rest = reasons.iter().skip(REASONS).map(|reason| reason.count).sum();
    reasons.truncate(REASONS);
    (reasons, rest)
}

/// `cut short after 3000 bytes` and `... 17 bytes` are one reason.
fn without_numbers(reason: &str) -> String {
    let mut text = String::new();
    for character in reason.chars() {
        let character = if character.is_ascii_digit() { '#' } else { character };
        if character != '#' || !text.ends_with('#') {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_failures_stay_short() {
        let failure = |number: usize| FailedFile {
            path: format!("{number}.jpg"),
            stage: Some("decode".to_owned()),
            reason: if number.is_multiple_of(10) {
                "empty".to_owned()
            } else {
                format!("cut short after {number} bytes")
            },
            replacement: number.is_multiple_of(2).then_some(1),
            ..FailedFile::default()
        };
        let failures: Vec<_> = (0..10_000).map(failure).collect();
        let (reasons, rest) = by_reason(&failures);
        assert_eq!((reasons.len(), rest), (2, 0));
        assert_eq!((reasons[0].count, reasons[0].files.len(), reasons[0].more), (9_000, 8, 8_992));
        assert_eq!((reasons[1].count, reasons[1].replaced, reasons[1].skipped), (1_000, 1_000, 0));
        assert_eq!(by_reason(&[]), (vec![], 0));
    }
}
