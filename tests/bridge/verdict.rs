//! What is wrong in the end: anything lost, invented or out of order; and how much came twice.

use std::collections::BTreeSet;

/// What came of a series.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Copies beyond the first of each message.
    pub duplicates: u64,
    /// Whether first copies came in order too, as they do without faults.
    pub firsts_out_of_order: u64,
    pub wrong: Vec<String>,
}

impl Verdict {
    /// One topic: the last copies lie in order.
    pub fn judge(&mut self, topic: &str, numbers: &[u64]) {
        let mut seen = BTreeSet::new();
        let mut newest = None;
        for number in numbers {
            if !seen.insert(*number) {
                continue;
            }
            self.firsts_out_of_order += u64::from(newest > Some(*number));
            newest = newest.max(Some(*number));
        }
        let mut seen = BTreeSet::new();
        let mut oldest = None;
        for number in numbers.iter().rev().filter(|n| seen.insert(**n)) {
            if oldest.is_some_and(|o| o < *number) {
                self.wrong.push(format!("{topic}: the last copy of {number} lies before the one of {oldest:?}"));
                return;
            }
            oldest = Some(*number);
        }
    }

    /// Panics if anything is lost, invented or out of order.
    pub fn assert_whole(&self) {
        eprintln!("{} duplicates, {} first copies out of order", self.duplicates, self.firsts_out_of_order);
        let shown = &self.wrong[..self.wrong.len().min(20)];
        assert!(self.wrong.is_empty(), "{} findings:\n{}", self.wrong.len(), shown.join("\n"));
    }

    /// As [`Verdict::assert_whole`], and everything came once.
    pub fn assert_once(&self) {
        self.assert_whole();
        assert_eq!(
            (self.duplicates, self.firsts_out_of_order),
            (0, 0),
            "duplicates, or messages out of order, without a fault"
        );
    }
}

#[test]
fn a_verdict_sees_what_is_out_of_order() {
    let judged = |numbers: &[u64]| {
        let mut verdict = Verdict::default();
        verdict.judge("a", numbers);
        (verdict.wrong.len(), verdict.firsts_out_of_order)
    };
    assert_eq!(judged(&[0, 1, 2, 3]), (0, 0));
    // What was under way comes again, with all that was behind it.
    assert_eq!(judged(&[0, 1, 2, 1, 2, 3]), (0, 0));
    // One comes again alone, behind others: it would be taken for the newest.
    assert_eq!(judged(&[0, 1, 2, 1, 3]), (1, 0));
    assert_eq!(judged(&[0, 2, 1, 3]), (1, 1));
    assert_eq!(judged(&[0, 2, 1, 2, 3]), (0, 1));
}
