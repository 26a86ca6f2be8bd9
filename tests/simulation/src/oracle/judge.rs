//! Every rule, over one record.

use super::{Circumstances, History, RULES, Record, Rule, Violation};

/// All that is against a rule, rule by rule.
pub fn judge(record: &Record, circumstances: &Circumstances) -> Vec<(&'static Rule, Vec<Violation>)> {
    let history = History::of(record);
    let judged = RULES.iter().map(|rule| (rule, (rule.check)(&history, circumstances)));
    judged.filter(|(_, violations)| !violations.is_empty()).collect()
}
