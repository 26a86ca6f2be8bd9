//! That every flag arrives, and that errands take their own.

use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use config::Given;

use super::{Arguments, Errand};

/// Flags that are paths and not settings to be read.
const PATHS: &[&str] = &["--data-dir", "--resources", "--broker-config-file"];

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
        .filter(|long| !["help", "version"].contains(long))
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
