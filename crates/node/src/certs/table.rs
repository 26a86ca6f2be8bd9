//! What is known of internal certificates, for people.

use std::fmt::Write;

use serde_json::Value;

/// The document of the admin endpoint, or of [`super::document`], in lines.
pub(super) fn status(told: &Value) -> String {
    let mut out = String::new();
    line(&mut out, "cluster", &text(&told["cluster"]));
    if told["encryption"] == "Disabled" {
        line(&mut out, "encryption", "Disabled: processes know each other by no certificate");
    }
    certificate(&mut out, &told["certificate"]);
    authority(&mut out, &told["authority"]);
    out
}

fn certificate(out: &mut String, told: &Value) {
    if !told.is_object() {
        return;
    }
    line(out, "certificate", &format!("of the {} {}", text(&told["role"]), text(&told["name"])));
    line(out, "  valid", &format!("{} to {}", text(&told["notBefore"]), text(&told["notAfter"])));
    let left = told["secondsLeft"].as_i64().unwrap_or_default();
    line(out, "  left", &if left < 0 { format!("ended {} ago", lasting(-left)) } else { lasting(left) });
    line(out, "  renewal due", &text(&told["renewalDue"]));
    line(out, "  renewals", &format!("{}, {} failed", text(&told["renewals"]), text(&told["failures"])));
    if let Some(failure) = told["lastFailure"].as_str() {
        line(out, "  last failure", failure);
    }
    for trusted in told["trust"]["authorities"].as_array().into_iter().flatten() {
        line(out, "  trusts", &format!("{} until {}", text(&trusted["fingerprint"]), text(&trusted["notAfter"])));
    }
}

fn authority(out: &mut String, told: &Value) {
    if !told.is_object() {
        return;
    }
    line(out, "authority", &format!("{} until {}", text(&told["fingerprint"]), text(&told["notAfter"])));
    let ends = text(&told["phaseEnds"]);
    let phase = match told["phase"].as_str() {
        Some("Alone") => format!("none under way; the next one begins at {ends}"),
        Some("Announced") => format!("a successor is trusted, and issues from {ends} on"),
        Some("Overlap") => format!("its predecessor is trusted until {ends}"),
        _ => text(&told["phase"]),
    };
    line(out, "  rotation", &phase);
    if !told["issued"].is_null() {
        line(out, "  issued", &format!("{}, {} refused", text(&told["issued"]), text(&told["refused"])));
    }
    for member in told["members"].as_array().into_iter().flatten() {
        let removed = if member["standing"] == "Removed" { ", removed" } else { "" };
        let (role, name, until) = (text(&member["role"]), text(&member["name"]), text(&member["notAfter"]));
        line(out, "  member", &format!("{role} {name}, certificate until {until}{removed}"));
    }
}

fn line(out: &mut String, what: &str, is: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{what:14}  {is}");
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// As people say how long something lasts: the two largest units.
fn lasting(seconds: i64) -> String {
    let units = [(86_400, "days"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let parts = units.map(|(unit, name)| {
        let count = rest / unit;
        rest %= unit;
        (count, name)
    });
    let told: Vec<String> =
        parts.iter().skip_while(|(count, _)| *count == 0).take(2).map(|(n, unit)| format!("{n} {unit}")).collect();
    if told.is_empty() { "0 s".to_owned() } else { told.join(" ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{lasting, status};

    #[test]
    fn durations_are_told_in_two_units() {
        for (seconds, told) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3661, "1 h 1 min"), (2_592_000, "30 days 0 h")]
        {
            assert_eq!(lasting(seconds), told);
        }
    }

    #[test]
    fn a_certificate_and_an_authority_are_told() {
        let told = status(&json!({
            "encryption": "Enabled", "cluster": "plant",
            "certificate": {
                "role": "backend", "name": "backend-0", "notBefore": "A", "notAfter": "B", "secondsLeft": 7200, "renewalDue": "C",
                "renewals": 3, "failures": 1, "lastFailure": "no link",
                "trust": {"generation": 2, "authorities": [{"fingerprint": "ab", "notAfter": "D"}]}
            },
            "authority": {
                "fingerprint": "ab", "notAfter": "D", "phase": "Overlap", "phaseEnds": "E", "generation": 2, "issued": 5,
                "refused": 0, "failures": 0,
                "members": [{"role": "frontend", "name": "frontend-1", "notAfter": "F", "standing": "Removed"}]
            }
        }));
        let expected = "\
cluster         plant
certificate     of the backend backend-0
  valid         A to B
  left          2 h 0 min
  renewal due   C
  renewals      3, 1 failed
  last failure  no link
  trusts        ab until D
authority       ab until D
  rotation      its predecessor is trusted until E
  issued        5, 0 refused
  member        frontend frontend-1, certificate until F, removed
";
        assert_eq!(told, expected);
        let none =
            status(&json!({"encryption": "Disabled", "cluster": "plant", "certificate": null, "authority": null}));
        assert_eq!(
            none,
            "cluster         plant\nencryption      Disabled: processes know each other by no certificate\n"
        );
    }
}
