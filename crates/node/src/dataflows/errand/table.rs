//! What the admin endpoint says of dataflows, for people.

use std::fmt::Write;

use serde_json::Value;

/// Columns between two columns of a table.
const GAP: &str = "  ";

/// A line for each dataflow, below a line that names the columns.
pub(super) fn list(all: &Value) -> String {
    let head = ["NAME", "MODE", "HEALTH", "SOURCE", "DESTINATION", "SENT", "HELD", "DEAD"].map(str::to_owned);
    let rows = all.as_array().into_iter().flatten().map(|flow| {
        let health = flow["health"].as_str().map(str::to_owned);
        // One that runs nowhere in that process has none.
        let health = health.unwrap_or_else(|| "-".to_owned());
        [
            text(&flow["name"]),
            text(&flow["mode"]),
            health,
            text(&flow["source"]),
            text(&flow["destination"]),
            text(&flow["messagesSent"]),
            text(&flow["heldMessages"]),
            text(&flow["deadLetters"]),
        ]
    });
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(rows).collect();
    let mut out = aligned(&rows);
    for flow in all.as_array().into_iter().flatten() {
        if let Some(message) = flow["message"].as_str() {
            // Writing to a String does not fail.
            let _ = writeln!(out, "{}: {message}", text(&flow["name"]));
        }
    }
    out
}

/// A dataflow: what it does, then how each instance is doing.
pub(super) fn show(one: &Value) -> String {
    let filters = one["filters"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(" ");
    let mut rows = vec![
        ["name".to_owned(), text(&one["name"])],
        ["mode".to_owned(), text(&one["mode"])],
        ["profile".to_owned(), text(&one["profile"])],
        ["source".to_owned(), format!("{} {filters}", text(&one["source"]))],
        ["destination".to_owned(), format!("{} {}", text(&one["destination"]), text(&one["topic"]))],
        ["dead letters to".to_owned(), text(&one["deadLetterTopic"])],
        ["health".to_owned(), state(one)],
    ];
    for instance in one["instances"].as_array().into_iter().flatten() {
        rows.push(["instance".to_owned(), format!("{} {}", text(&instance["instance"]), state(instance))]);
        for end in ["source", "destination"] {
            link(&mut rows, end, &instance[end]);
        }
        for (name, field) in [("publish failed", "publishFailure"), ("dead letter", "deadLetterFailure")] {
            failure(&mut rows, name, &instance[field]);
        }
        let waiting = match &instance["waitingMessages"] {
            Value::Null => "in the source's session".to_owned(),
            waiting => text(waiting),
        };
        rows.push(["  held".to_owned(), format!("{}, waiting: {waiting}", text(&instance["heldMessages"]))]);
        counts(&mut rows, &instance["counts"]);
    }
    aligned(&rows)
}

fn state(of: &Value) -> String {
    let mut said = of["health"].as_str().unwrap_or("runs elsewhere, or not at all").to_owned();
    for field in ["reasonCode", "message"] {
        if let Some(more) = of[field].as_str() {
            let _ = write!(said, ", {more}");
        }
    }
    if let Some(since) = of["since"].as_str() {
        let _ = write!(said, ", since {since}");
    }
    said
}

fn link(rows: &mut Vec<[String; 2]>, end: &str, link: &Value) {
    let mut said = format!("{} as {}: {}", text(&link["address"]), text(&link["clientId"]), text(&link["state"]));
    let notes = [
        ("since", "upSince"),
        ("next try", "nextRetryAt"),
        ("MQTT", "protocolVersion"),
        ("credential until", "credentialExpiresAt"),
        ("session forgotten", "sessionLostAt"),
    ];
    for (word, field) in notes {
        if let Some(value) = link[field].as_str() {
            let _ = write!(said, ", {word} {value}");
        }
    }
    rows.push([format!("  {end}"), said]);
    failure(rows, "failed", &link["failure"]);
    failure(rows, "credential", &link["credentialFailure"]);
}

/// Whatever fields it has, in words.
fn failure(rows: &mut Vec<[String; 2]>, name: &str, failure: &Value) {
    let Value::Object(fields) = failure else { return };
    let told = fields.iter().filter(|(_, value)| !value.is_null());
    let told: Vec<String> = told.map(|(field, value)| format!("{field} {}", text(value))).collect();
    rows.push([format!("  {name}"), told.join(", ")]);
}

/// Counts that are not 0.
fn counts(rows: &mut Vec<[String; 2]>, counts: &Value) {
    let Value::Object(fields) = counts else { return };
    let numbers = fields.iter().filter(|(_, value)| value.as_u64().is_some_and(|count| count > 0));
    let told: Vec<String> = numbers.map(|(field, value)| format!("{field} {value}")).collect();
    rows.push(["  counts".to_owned(), if told.is_empty() { "none yet".to_owned() } else { told.join(", ") }]);
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rows with their columns below each other, without blanks at their ends.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join(GAP);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{list, show};

    #[test]
    fn dataflows_are_lines_below_each_other() {
        let flow = |name: &str, health: serde_json::Value, message: serde_json::Value| {
            json!({
                "name": name, "mode": "Enabled", "health": health, "source": "default", "destination": "remote",
                "messagesSent": 12, "heldMessages": 0, "deadLetters": 1, "message": message
            })
        };
        let all = json!([flow("north", json!("Unavailable"), json!("no answer")), flow("a", json!(null), json!(null))]);
        let expected = "\
NAME   MODE     HEALTH       SOURCE   DESTINATION  SENT  HELD  DEAD
north  Enabled  Unavailable  default  remote       12    0     1
a      Enabled  -            default  remote       12    0     1
north: no answer
";
        assert_eq!(list(&all), expected);
        assert_eq!(list(&json!([])).lines().count(), 1);
    }

    #[test]
    fn what_is_not_there_is_not_shown() {
        let one = json!({
            "name": "north", "mode": "Enabled", "profile": "default", "source": "default", "filters": ["a/#", "b"],
            "destination": "remote", "topic": "${inputTopic}", "deadLetterTopic": "d", "health": "Degraded",
            "reasonCode": "X", "message": null, "since": null,
            "instances": [{
                "instance": 0, "health": "Degraded", "reasonCode": "X", "since": null,
                "source": {"address": "memory", "clientId": "c", "state": "Up", "upSince": "t", "failure": null},
                "destination": {"address": "mqtt://r:1", "clientId": "c", "state": "Waiting", "nextRetryAt": "n",
                    "failure": {"step": "Tcp", "code": null, "text": "refused"}},
                "publishFailure": null, "waitingMessages": null, "heldMessages": 3,
                "counts": {"messagesSent": 2, "loops": 0, "refusals": {}}
            }]
        });
        let text = show(&one);
        assert!(text.contains("source           default a/# b\n"), "{text}");
        assert!(text.contains("health           Degraded, X\n"), "{text}");
        assert!(text.contains("  source         memory as c: Up, since t\n"), "{text}");
        assert!(text.contains("  failed         step Tcp, text refused\n"), "{text}");
        assert!(text.contains("  held           3, waiting: in the source's session\n"), "{text}");
        assert!(text.contains("  counts         messagesSent 2\n"), "{text}");
        assert!(!text.contains("null"), "{text}");
    }
}
