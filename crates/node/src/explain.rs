//! `causeway explain`: the effective configuration, value by value, and where each came from.

use std::fmt::Write;

use config::{EffectiveValue, Plan};

use crate::{access, dataflows};

/// Columns that values are not pushed beyond by a longer one.
const MAX_PATH_COLUMNS: usize = 56;
const MAX_VALUE_COLUMNS: usize = 24;

/// A line for each value, in columns: where it is set, what it is, where it came from, what is to be known of it. Then
/// who is let in where, what crosses to other brokers, and what may not be what was meant.
pub(crate) fn text(plan: &Plan) -> String {
    let width = |most: usize, length: fn(&EffectiveValue) -> usize| {
        plan.values.iter().map(length).filter(|columns| *columns <= most).max().unwrap_or(0)
    };
    let path = width(MAX_PATH_COLUMNS, |value| value.path.chars().count());
    let value = width(MAX_VALUE_COLUMNS, |value| value.value.chars().count());
    let mut text = String::new();
    for EffectiveValue { path: at, value: is, origin, note } in &plan.values {
        // Writing to a string does not fail.
        let _ = write!(text, "{at:path$}  {is:value$}  {origin}");
        let _ = match note {
            Some(note) => writeln!(text, "  ({note})"),
            None => writeln!(text),
        };
    }
    for line in access::summary(plan) {
        let _ = writeln!(text, "access: {line}");
    }
    for line in dataflows::summary(plan) {
        let _ = writeln!(text, "dataflow: {line}");
    }
    for notice in &plan.notices {
        let _ = writeln!(text, "note: {notice}");
    }
    text
}

#[cfg(test)]
mod tests {
    use config::{Host, Input, Plan};

    use super::text;

    #[test]
    fn every_value_has_a_line_with_its_origin() {
        let host = Host { cores: 2, remembered: None };
        let plan = Plan::check(&Input::default(), &host).unwrap();
        let text = text(&plan);
        assert_eq!(text.lines().count(), plan.values.len() + plan.listeners.len() + plan.notices.len(), "{text}");
        assert!(text.contains("access: listener mqtt: everybody is let in, and allowed everything\n"), "{text}");
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
        for value in &plan.values {
            assert!(text.contains(&format!("{}  ", value.path)) || text.contains(&value.value), "{text}");
        }
    }
}
