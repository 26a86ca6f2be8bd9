//! That every flag arrives, and that errands take their own.

mod kubernetes;

use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use config::Given;
use identity::internal::TokenUse;

use super::{Arguments, Certs, CertsErrand, Errand, Place};

/// Flags that are paths and not settings to be read.
const PATHS: &[&str] = &["--data-dir", "--resources", "--broker-config-file"];

/// Flags without a value, which are no settings of the plan.
const SWITCHES: &[&str] = &["no-dataflows"];

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn every_flag_reaches_the_request_under_its_own_name() {
    let command = Arguments::command();
    let flags: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .filter(|long| ![["help", "version"].as_slice(), SWITCHES].concat().contains(long))
        .map(|long| format!("--{long}"))
        .collect();
    let mut line = vec!["causeway".to_owned()];
    for flag in &flags {
        line.extend([flag.clone(), format!("value of {flag}")]);
    }
    let reading = Arguments::try_parse_from(line).unwrap().broker.reading();
    let seen = format!("{:?}", reading.flags);
    for flag in flags.iter().filter(|flag| !PATHS.contains(&flag.as_str())) {
        let given = Given::flag(flag, format!("value of {flag}"));
        assert!(seen.contains(&format!("Some({given:?})")), "{flag}: {seen}");
    }
    assert!(seen.contains("value of --data-dir"));
    assert_eq!(reading.sources.resources, [PathBuf::from("value of --resources")]);
    assert_eq!(reading.sources.broker_config, Some("value of --broker-config-file".into()));
}

#[test]
fn an_errand_takes_its_own_flags_and_no_others() {
    let line = ["causeway", "salvage", "--data-dir", "d", "--partition", "3"];
    let Some(Errand::Salvage(asked)) = Arguments::try_parse_from(line).unwrap().errand else { panic!("no errand") };
    assert_eq!((asked.data_dir, asked.partition), (Some("d".into()), Some(3)));
    Arguments::try_parse_from(["causeway", "--mqtt", "off", "salvage"]).unwrap_err();
    assert!(Arguments::try_parse_from(["causeway"]).unwrap().errand.is_none());
}

#[test]
fn check_wants_something_to_check_and_explain_takes_the_flags_of_the_broker() {
    Arguments::try_parse_from(["causeway", "check"]).unwrap_err();
    let line = ["causeway", "check", "a", "b", "--broker-config-file", "c"];
    let Some(Errand::Check(asked)) = Arguments::try_parse_from(line).unwrap().errand else { panic!("no errand") };
    assert_eq!((asked.paths.len(), asked.broker_config_file), (2, Some("c".into())));
    let line = ["causeway", "explain", "--workers", "3", "--resources", "a", "--resources", "b"];
    let Some(Errand::Explain(asked)) = Arguments::try_parse_from(line).unwrap().errand else { panic!("no errand") };
    let reading = asked.broker.reading();
    assert_eq!(reading.flags.workers, Some(Given::flag("--workers", "3".to_owned())));
    assert_eq!(reading.sources.resources.len(), 2);
}

#[test]
fn a_bridge_has_no_listeners_and_its_own_data() {
    let bridge = |more: &[&str]| {
        let line = ["causeway", "bridge", "--resources", "r"].iter().chain(more);
        match Arguments::try_parse_from(line).unwrap().errand {
            Some(Errand::Bridge(asked)) => asked,
            other => panic!("{other:?}"),
        }
    };
    let flags = bridge(&[]);
    let asked = flags.reading();
    assert_eq!(asked.flags.data_dir, Some("./causeway-bridge-data".into()));
    assert!(!flags.names_admin() && !flags.names_log_level());
    let flags = bridge(&["--admin", "off", "--log-level", "debug", "--local", "[::1]:8883", "--local-ca", "f"]);
    assert!(flags.names_admin() && flags.names_log_level());
    assert_eq!(flags.reading().flags.admin, Some(Given::flag("--admin", "off".to_owned())));
    assert_eq!((flags.local.local, flags.local.local_ca), (Some(("::1".to_owned(), 8883)), Some("f".into())));
    for wrong in [
        &["bridge"][..],
        &["bridge", "--resources", "a", "--mqtt", "off"],
        &["dataflow"],
        &["dataflow", "show"],
        &["dataflow", "test", "north"],
        &["dataflow", "test", "north", "--endpoint", "remote", "--resources", "a"],
    ] {
        let error = Arguments::try_parse_from(["causeway"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
    assert!(Arguments::try_parse_from(["causeway", "--no-dataflows"]).unwrap().broker.no_dataflows);
}

#[test]
fn passwd_and_authz_take_what_they_need() {
    let line = ["causeway", "passwd", "f", "ann", "--password-stdin", "--attribute", "a=b=c", "--attribute", "d="];
    let Some(Errand::Passwd(asked)) = Arguments::try_parse_from(line).unwrap().errand else { panic!("no errand") };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!((asked.file, asked.user, asked.password_stdin), ("f".into(), "ann".to_owned(), true));
    assert_eq!(asked.attribute, [pair("a", "b=c"), pair("d", "")]);
    for wrong in [
        &["passwd", "f"][..],
        &["passwd", "f", ""],
        &["passwd", "f", "ann", "--attribute", "a"],
        &["passwd", "f", "ann", "--attribute", "=a"],
        &["passwd", "f", "ann", "--delete", "--password-stdin"],
        &["passwd", "f", "ann", "--delete", "--attribute", "a=b"],
        &["authz"],
        &["authz", "explain", "--as", "client-id=a", "connect"],
        &["authz", "explain", "--resources", "a", "connect"],
        &["authz", "explain", "--resources", "a", "--as", "a", "connect"],
        &["authz", "explain", "--resources", "a", "--as", "client-id=a"],
        &["authz", "explain", "--resources", "a", "--as", "client-id=a", "publish"],
    ] {
        let error = Arguments::try_parse_from(["causeway"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
}

fn errand(line: &[&str]) -> Errand {
    let asked = Arguments::try_parse_from(["causeway"].iter().chain(line)).unwrap_or_else(|error| panic!("{error}"));
    asked.errand.unwrap()
}

#[test]
fn every_flag_of_a_process_of_a_cluster_reaches_the_request_under_its_own_name() {
    for name in ["frontend", "backend"] {
        let command = Arguments::command();
        let process = command.find_subcommand(name).unwrap();
        // Not a setting: whose end is that of this process.
        let others = ["help", "parent"];
        let longs = process.get_arguments().filter_map(|argument| argument.get_long());
        let flags: Vec<String> = longs.filter(|long| !others.contains(long)).map(|long| format!("--{long}")).collect();
        let mut line = vec!["causeway".to_owned(), name.to_owned()];
        for flag in &flags {
            line.extend([flag.clone(), format!("value of {flag}")]);
        }
        let reading = match Arguments::try_parse_from(line).unwrap().errand {
            Some(Errand::Frontend(asked)) => asked.reading(),
            Some(Errand::Backend(asked)) => asked.reading(),
            other => panic!("{other:?}"),
        };
        let seen = format!("{:?}", reading.flags);
        for flag in flags.iter().filter(|flag| ![PATHS, &["--join-token-file"]].concat().contains(&flag.as_str())) {
            let given = Given::flag(flag, format!("value of {flag}"));
            assert!(seen.contains(&format!("{given:?}")), "{name} {flag}: {seen}");
        }
        let cluster = reading.flags.cluster.unwrap();
        assert_eq!(cluster.role.as_str(), name);
        assert_eq!(cluster.join_token_file, Some("value of --join-token-file".into()));
        assert_eq!(reading.flags.data_dir, Some("value of --data-dir".into()));
        assert_eq!(reading.sources.resources, [PathBuf::from("value of --resources")]);
    }
}

#[test]
fn who_is_in_a_cluster_says_who_and_with_whom() {
    let Errand::Backend(asked) = errand(&["backend", "--name", "b-0", "--backends", "l", "--parent", "7"]) else {
        panic!()
    };
    assert_eq!(asked.cluster.hidden.parent, Some(7));
    for wrong in [
        &["backend", "--name", "b-0"][..],
        &["backend", "--backends", "l"],
        &["frontend", "--name", "f-0"],
        &["frontend", "--name", "f-0", "--backends", "l", "--internal", "127.0.0.1:1"],
        &["frontend", "--name", "f-0", "--backends", "l", "--durability", "fsync"],
        &["backend", "--name", "b-0", "--backends", "l", "--mqtt", "off"],
        &["backend", "--name", "b-0", "--backends", "l", "--max-keep-alive", "1"],
        &["dev-cluster", "--frontends", "0"],
        &["dev-cluster", "--backends", "17"],
        &["dev-cluster", "--base-port", "65536"],
    ] {
        let error = Arguments::try_parse_from(["causeway"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
    let Errand::DevCluster(asked) = errand(&["dev-cluster"]) else { panic!() };
    assert_eq!((asked.frontends, asked.backends, asked.base_port), (2, 3, 1883));
    assert_eq!(asked.data_dir, PathBuf::from("./causeway-cluster"));
}

#[test]
fn certs_are_looked_after_where_a_process_runs_or_in_its_folder() {
    let Errand::Certs(Certs { errand: CertsErrand::Token(asked) }) = errand(&["certs", "token", "--role", "frontend"])
    else {
        panic!()
    };
    assert_eq!((asked.role.as_str(), asked.valid, asked.uses), ("frontend", Duration::from_secs(3600), TokenUse::Once));
    let Place::Running(admin) = asked.place.place() else { panic!() };
    assert_eq!((admin.admin.as_str(), admin.token_file), ("http://127.0.0.1:9600", None));
    let line = ["certs", "status", "--data-dir", "d", "--cluster", "plant"];
    let Errand::Certs(Certs { errand: CertsErrand::Status(asked) }) = errand(&line) else { panic!() };
    let Place::Resting(data_dir, cluster) = asked.place.place() else { panic!() };
    assert_eq!((data_dir, cluster.as_str()), ("d".into(), "plant"));
    for wrong in [
        &["certs"][..],
        &["certs", "init"],
        &["certs", "init", "--data-dir", "d", "--valid", "59s"],
        &["certs", "token"],
        &["certs", "token", "--role", "operator"],
        &["certs", "token", "--role", "backend", "--valid", "8761h"],
        &["certs", "token", "--role", "backend", "--valid", "60"],
        &["certs", "token", "--role", "backend", "--uses", "2"],
        &["certs", "status", "--data-dir", "d", "--admin", "http://h:1"],
        &["certs", "status", "--cluster", "plant"],
        &["certs", "rotate", "--ca", "--resources", "r"],
    ] {
        let error = Arguments::try_parse_from(["causeway"].iter().chain(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
}
