//! Every property, where it belongs and where not.

use super::*;

const ALL: [Command; 6] =
    [Command::Connect, Command::Publish, Command::Subscribe, Command::Unsubscribe, Command::Will, Command::Disconnect];

fn set(lines: &[&str]) -> Result<PropertySet, Failure> {
    let words = |line: &&str| line.split(' ').map(str::to_owned).collect();
    PropertySet::of(&Properties { given: lines.iter().map(words).collect() }, &ALL)
}

#[test]
fn every_property_of_every_packet_is_taken() {
    let mut command = String::new();
    let mut seen = 0;
    let lines = PROPERTIES_HELP.lines().skip(1).filter(|line| !line.contains('('));
    for line in lines {
        let (first, rest) = line.split_at(15);
        if !first.trim().is_empty() {
            command = first.trim().to_owned();
        }
        for property in rest.split(',').map(str::trim).filter(|property| !property.is_empty()) {
            let value = match property {
                "user-property" => "name value",
                "response-topic" => "a/b",
                _ => "1",
            };
            let given = set(&[&format!("{command} {property} {value}")]).unwrap();
            assert!(!given.is_empty() || property == "request-problem-information", "{command} {property}");
            seen += 1;
        }
    }
    assert_eq!(seen, 28);
}

#[test]
fn what_does_not_belong_is_refused_with_what_would() {
    for (line, expected) in [
        ("publish subscription-identifier 1", "no such property of publish"),
        ("disconnect user-property a b", "no such property of disconnect"),
        ("unsubscribe subscription-identifier 1", "no such property of unsubscribe"),
        ("will topic-alias 1", "no such property of will"),
        ("publish will-delay-interval 1", "no such property of publish"),
        ("auth reason-string x", "expected one of connect, publish"),
        ("publish user-property a", "expected a name and a value"),
        ("publish content-type a b", "expected one value"),
        ("connect receive-maximum 0", "expected 1 to 65535"),
        ("connect maximum-packet-size x", "expected 1 to 4294967295"),
        ("connect request-problem-information 2", "expected 0 or 1"),
        ("publish response-topic a/#", "without wildcards"),
        ("subscribe subscription-identifier 0", "expected 1 to 268435455"),
        ("subscribe subscription-identifier 268435456", "expected 1 to 268435455"),
        ("publish topic-alias 65536", "expected 1 to 65535"),
    ] {
        let failure = set(&[line]).unwrap_err();
        assert!(failure.text.contains(expected), "{line}: {}", failure.text);
    }
}

#[test]
fn a_packet_the_tool_does_not_send_is_refused() {
    let given = Properties { given: vec![vec!["subscribe".into(), "user-property".into(), "a".into(), "b".into()]] };
    let failure = PropertySet::of(&given, &[Command::Connect, Command::Publish]).unwrap_err();
    assert_eq!(failure.text, "-D subscribe: expected one of connect, publish");
}
