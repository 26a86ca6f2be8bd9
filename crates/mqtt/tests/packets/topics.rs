//! Topic names, topic filters and what matches.

use mqtt::{Filter, MAX_LEVELS, TopicError, check_topic_name, matches};

#[test]
fn mqtt_4_7_1_and_4_7_2_what_matches() {
    let table = [
        ("a/b/c", "a/b/c", true),
        ("a/b/c", "a/b", false),
        ("a/b", "a/b/c", false),
        ("#", "a", true),
        ("#", "/", true),
        ("#", "a/b/c", true),
        ("a/#", "a", true),
        ("a/#", "a/", true),
        ("a/#", "a/b/c", true),
        ("a/#", "ab", false),
        ("+", "a", true),
        ("+", "/a", false),
        ("+", "a/", false),
        ("/+", "/a", true),
        ("+/+", "/a", true),
        ("a/+", "a/", true),
        ("a/+", "a", false),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a/b/d", false),
        ("+/b/#", "a/b", true),
        ("A", "a", false),
        ("#", "$SYS/up", false),
        ("+/up", "$SYS/up", false),
        ("$SYS/#", "$SYS/up", true),
        ("$SYS/+", "$SYS/up", true),
        ("a/+", "a/$b", true),
        ("ü/+", "ü/日本", true),
    ];
    for (filter, topic, expected) in table {
        assert_eq!(matches(filter, topic), expected, "{filter} on {topic}");
    }
}

#[test]
fn mqtt_4_7_names_are_checked() {
    assert_eq!(check_topic_name("a/b c/$x"), Ok(()));
    assert_eq!(check_topic_name(""), Err(TopicError::Empty));
    assert_eq!(check_topic_name("a/+"), Err(TopicError::Wildcard));
    assert_eq!(check_topic_name("a#"), Err(TopicError::Wildcard));
    assert_eq!(check_topic_name("a\0"), Err(TopicError::Nul));
    assert_eq!(check_topic_name(&"a".repeat(65_535)), Ok(()));
    assert_eq!(check_topic_name(&"a".repeat(65_536)), Err(TopicError::TooLong));
    assert_eq!(check_topic_name(&"/".repeat(MAX_LEVELS - 1)), Ok(()));
    assert_eq!(check_topic_name(&"/".repeat(MAX_LEVELS)), Err(TopicError::TooManyLevels));
}

#[test]
fn mqtt_4_8_2_shared_filters_are_split() {
    let shared = Filter::parse("$share/group/a/+").unwrap();
    assert_eq!(shared, Filter { share: Some("group"), filter: "a/+" });
    assert!(shared.has_wildcards());
    assert_eq!(shared.levels().collect::<Vec<_>>(), ["a", "+"]);
    assert_eq!(Filter::parse("$share/group//"), Ok(Filter { share: Some("group"), filter: "/" }));
    assert_eq!(Filter::parse("$shared/a"), Ok(Filter { share: None, filter: "$shared/a" }));
    for wrong in ["$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a"] {
        assert_eq!(Filter::parse(wrong), Err(TopicError::Share), "{wrong}");
    }
}

#[test]
fn mqtt_4_7_1_filters_are_checked() {
    for right in ["#", "+", "/", "+/#", "a/+/b/#", "//", "+/+/+"] {
        assert!(Filter::parse(right).is_ok(), "{right}");
    }
    for wrong in ["a#", "#/a", "a/#/b", "##", "/#a"] {
        assert_eq!(Filter::parse(wrong), Err(TopicError::MultiLevelWildcard), "{wrong}");
    }
    for wrong in ["a+", "+a", "a/b+/c", "++"] {
        assert_eq!(Filter::parse(wrong), Err(TopicError::SingleLevelWildcard), "{wrong}");
    }
    assert_eq!(Filter::parse(""), Err(TopicError::Empty));
    assert_eq!(Filter::parse("a\0"), Err(TopicError::Nul));
}
