//! From command lines to CONNECT and endpoint.

use std::fs;

use clap::Parser;
use mqtt::{Connect, ProtocolVersion, QoS};
use tempfile::TempDir;

use super::*;
use crate::failure::Failure;

#[derive(Debug, Parser)]
#[command(disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    connection: Connection,
}

const ALL: [Command; 4] = [Command::Connect, Command::Publish, Command::Will, Command::Disconnect];

fn flags(line: &str) -> Connection {
    let words = line.split_whitespace();
    Line::try_parse_from(["tool"].into_iter().chain(words)).unwrap().connection
}

fn greeting(line: &str) -> Result<Greeting, Failure> {
    let flags = flags(line);
    let set = PropertySet::of(&flags.properties, &ALL)?;
    Greeting::of(&flags, &Target::of(&flags)?, &set, "tool")
}

fn connect(line: &str) -> Connect {
    greeting(line).unwrap().connect
}

fn refusal(line: &str) -> String {
    greeting(line).unwrap_err().text
}

#[test]
fn without_flags_there_are_good_defaults() {
    let target = Target::of(&flags("")).unwrap();
    assert_eq!(target.endpoint.to_string(), "mqtt://localhost:1883");
    let connect = connect("");
    assert_eq!((connect.version, connect.clean_start, connect.keep_alive), (ProtocolVersion::V5, true, 60));
    assert_eq!((connect.session_expiry, connect.username, connect.password), (None, None, None));
    assert!(connect.client_id.starts_with("causeway-tool-") && connect.client_id.len() == 26);
}

#[test]
fn endpoints_follow_from_flags_or_a_url() {
    for (line, expected) in [
        ("-h host -p 1", "mqtt://host:1"),
        ("--accept-any-certificate", "mqtts://localhost:8883"),
        ("-h ::1 --ws", "ws://[::1]:80/mqtt"),
        ("--ws path --accept-any-certificate", "wss://localhost:443/path"),
        ("-L mqtt://host/topic", "mqtt://host:1883"),
        ("-L ws://host:8083", "ws://host:8083/"),
        ("-L wss://host/a/b --accept-any-certificate", "wss://host:443/a/b"),
        ("-p 8883 --accept-any-certificate", "mqtts://localhost:8883"),
    ] {
        assert_eq!(Target::of(&flags(line)).unwrap().endpoint.to_string(), expected, "{line}");
    }
    assert_eq!(Target::of(&flags("-L mqtt://host/a/b")).unwrap().topic.as_deref(), Some("a/b"));
    assert_eq!(Target::of(&flags("-L ws://host/a/b")).unwrap().topic, None);
}

#[test]
fn sessions_are_kept_as_asked() {
    let kept = connect("-c -i me");
    assert_eq!((kept.clean_start, kept.session_expiry, kept.client_id.as_str()), (false, Some(u32::MAX), "me"));
    assert_eq!(connect("-c -i me -x 60").session_expiry, Some(60));
    assert_eq!(connect("-x -1").session_expiry, Some(u32::MAX));
    assert_eq!(connect("-x ∞").session_expiry, Some(u32::MAX));
    assert_eq!(connect("-c -i me -V 311").session_expiry, None);
    assert_eq!(connect("-I pre").client_id, format!("pre-{}", std::process::id()));
    assert!(refusal("-x soon").contains("expected 0 to 4294967295"));
    Line::try_parse_from(["tool", "-c"]).unwrap_err();
}

#[test]
fn passwords_come_from_flag_url_or_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "from file\r\n").unwrap();
    let given = connect("-u me -P secret");
    assert_eq!((given.username.as_deref(), given.password.as_deref()), (Some("me"), Some(&b"secret"[..])));
    let url = connect("-L mqtt://me:se%63ret@host");
    assert_eq!((url.username.as_deref(), url.password.as_deref()), (Some("me"), Some(&b"secret"[..])));
    let read = connect(&format!("-u me --password-file {}", file.display()));
    assert_eq!(read.password.as_deref(), Some(&b"from file"[..]));
    assert!(refusal("-u me --password-file /nowhere").starts_with("--password-file: cannot read /nowhere"));
    fs::write(&file, "\n").unwrap();
    assert!(refusal(&format!("-u me --password-file {}", file.display())).ends_with("is empty"));
    assert!(refusal("-P secret -V 311").contains("add -u"));
    assert_eq!(connect("-P secret").password.as_deref(), Some(&b"secret"[..]), "MQTT 5 allows it");
}

#[test]
fn tokens_are_authentication_data() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "the token\n").unwrap();
    let line = format!("--token-file {}", file.display());
    let authentication = connect(&line).authentication.unwrap();
    assert_eq!((authentication.method.as_str(), authentication.data.as_deref()), ("K8S-SAT", Some(&b"the token"[..])));
    assert_eq!(connect(&format!("{line} --auth-method OTHER")).authentication.unwrap().method, "OTHER");
    assert!(refusal(&format!("{line} -V 311")).starts_with("--token-file needs MQTT 5"));
    assert!(refusal("-D connect authentication-data x").contains("needs a method"));
}

#[test]
fn a_will_is_what_its_flags_say() {
    let line = "--will-topic gone --will-payload x --will-qos 1 --will-retain -D will will-delay-interval 5 \
                -D will user-property k v -D will message-expiry-interval 9";
    let will = connect(line).will.unwrap();
    assert_eq!(
        (will.topic.as_str(), &will.payload[..], will.qos, will.retain),
        ("gone", &b"x"[..], QoS::AtLeastOnce, true)
    );
    assert_eq!((will.delay, will.expiry), (5, Some(9)));
    assert_eq!(mqtt::user_properties_of(&will.properties).collect::<Vec<_>>(), [("k", "v")]);
    assert!(refusal("--will-topic a/#").contains("wildcard"));
    assert!(refusal("-D will user-property k v").contains("add --will-topic"));
    Line::try_parse_from(["tool", "--will-payload", "x"]).unwrap_err();
}

#[test]
fn what_only_mqtt_5_has_is_refused_before() {
    assert_eq!(connect("-V mqttv311").version, ProtocolVersion::V3_1_1);
    assert_eq!(connect("-V 3.1.1").version, ProtocolVersion::V3_1_1);
    assert_eq!(connect("-V mqttv5").version, ProtocolVersion::V5);
    assert_eq!(refusal("-V 31"), "-V 31: expected 5 or 311");
    assert_eq!(refusal("-V 311 -D publish content-type a"), "-D needs MQTT 5; leave out -V 311");
    assert_eq!(refusal("-k 4"), "-k 4: expected 0, or 5 to 65535");
}

#[test]
fn properties_of_connect_and_disconnect_are_theirs() {
    let line = "-D connect receive-maximum 7 -D connect topic-alias-maximum 3 -D connect user-property k v \
                -D connect request-problem-information 0 -D disconnect session-expiry-interval 4";
    let Greeting { connect, disconnect } = greeting(line).unwrap();
    assert_eq!(connect.receive_maximum.map(|maximum| maximum.get()), Some(7));
    assert_eq!((connect.topic_alias_maximum, connect.request_problem_information), (3, false));
    assert_eq!(connect.user_properties, [("k".to_owned(), "v".to_owned())]);
    assert_eq!(disconnect.session_expiry, Some(4));
}

#[test]
fn tls_settings_are_checked() {
    assert!(refusal("--cafile /nowhere").contains("cannot read /nowhere"));
    assert_eq!(refusal("--tls-version 1.1"), "--tls-version 1.1: expected 1.2 or 1.3");
    let options = |line: &str, path: Option<&str>| flags(line).tls.options(path).unwrap();
    assert_eq!(options("--insecure", None).alpn, ["mqtt"]);
    assert_eq!(options("--insecure", Some("/")).alpn, ["http/1.1"]);
    assert_eq!(options("--tls-alpn x --tls-version tlsv1.3", None).alpn, ["x"]);
    Line::try_parse_from(["tool", "--cert", "file"]).unwrap_err();
}
