//! Formats against what mosquitto_sub 2.0 prints for the same message.

use std::num::NonZeroU16;

use bytes::Bytes;
use chrono::TimeZone;
use mqtt::QoS;
use mqtt::client::PayloadFormat;

use super::*;

fn received() -> Received {
    let properties = MessageProperties {
        payload_format: Some(PayloadFormat::Utf8),
        content_type: Some("text/plain".to_owned()),
        response_topic: Some("re/x".to_owned()),
        correlation_data: Some(Bytes::from_static(b"corr")),
        user: vec![("k".to_owned(), "v".to_owned()), ("k2".to_owned(), "v2".to_owned())],
    };
    Received {
        topic: "r/a".into(),
        payload: Bytes::from("hello \"x\" é"),
        qos: QoS::AtLeastOnce,
        retain: true,
        dup: false,
        expiry: Some(300),
        alias: NonZeroU16::new(3),
        subscription_ids: vec![7],
        properties: properties.encode().unwrap(),
        packet_id: Some(1),
        receipt: None,
    }
}

fn printed(format: &str, received: &Received) -> String {
    let time = Local.timestamp_opt(1_795_311_071, 829_085_123).unwrap();
    let mut out = Vec::new();
    Format::parse(format).unwrap().print(&mut out, received, time).unwrap();
    // The zone is the machine's.
    String::from_utf8(out).unwrap().replace(&time.format("%z").to_string(), "+ZONE")
}

#[test]
fn every_letter_prints_its_field() {
    let format = "%U|%t|%l|%q|%r|%m|%p|%x|%X|%P|%C|%R|%D|%E|%F|%S|%A|%%";
    let expected = "1795311071.829085123|r/a|12|1|1|1|hello \"x\" é|68656c6c6f2022782220c3a9|68656C6C6F2022782220C3A9|\
                    k:v k2:v2|text/plain|re/x|corr|300|1|7|3|%";
    assert_eq!(printed(format, &received()), expected);
}

#[test]
fn what_is_not_there_prints_nothing() {
    let bare = Received {
        qos: QoS::AtMostOnce,
        packet_id: None,
        expiry: None,
        alias: None,
        subscription_ids: Vec::new(),
        properties: Bytes::new(),
        ..received()
    };
    assert_eq!(printed("%P|%C|%R|%D|%E|%F|%S|%A|%m", &bare), "||||||||0");
    assert!(!printed("%j", &bare).contains("properties"));
}

#[test]
fn json_has_mosquittos_members() {
    let mut received = received();
    received.alias = None;
    let line = printed("%j", &received);
    let (time, rest) = line.split_at(line.find(",\"topic\"").unwrap());
    assert!(time.starts_with("{\"tst\":\"2026-11-2") && time.ends_with(".829085Z+ZONE\""), "{time}");
    let expected = ",\"topic\":\"r/a\",\"qos\":1,\"retain\":1,\"payloadlen\":12,\"mid\":1,\"properties\":\
        {\"subscription-identifier\":7,\"user-properties\":{\"k\":\"v\",\"k2\":\"v2\"},\"content-type\":\"text/plain\",\
        \"response-topic\":\"re/x\",\"correlation-data\":\"corr\",\"payload-format-indicator\":1,\
        \"message-expiry-interval\":300},\"payload\":\"hello \\\"x\\\" é\"}";
    assert_eq!(rest, expected);
    received.payload = Bytes::from_static(b"{ \"a\": 1 }");
    assert!(printed("%J", &received).ends_with("\"payload\":{\"a\":1}}"));
}

#[test]
fn times_and_escapes_are_replaced() {
    assert_eq!(printed("@@ @N @s\\t\\\\\\e\\0", &received()), "@ 829085123 1795311071\t\\\x1b\0");
    let shown = printed("@Y-@m-@dT@H:@M:@S@z %I", &received());
    let (by_letters, by_field) = shown.split_once(' ').unwrap();
    assert_eq!(by_letters, by_field);
    for letter in TIME_LETTERS.chars() {
        assert!(!printed(&format!("@{letter}"), &received()).is_empty(), "@{letter}");
    }
}

#[test]
fn what_stands_for_nothing_is_refused() {
    for (format, expected) in [
        ("%Q", "%Q stands for nothing; expected one of %A %C"),
        ("abc%", "ends within a format specifier; write %% for %"),
        ("@", "ends within a time specifier; write @@ for @"),
        ("@E", "@E stands for nothing"),
        ("\\x", "\\x stands for nothing"),
        ("\\", "ends within an escape; write \\\\ for \\"),
    ] {
        let failure = Format::parse(format).unwrap_err();
        assert!(failure.text.contains(expected), "{format}: {}", failure.text);
    }
}
