//! The command lines of pub, sub and rr: well-formed, and what scripts written for mosquitto's tools say is taken.

use clap::{CommandFactory, Parser, Subcommand};

#[derive(Debug, Parser)]
struct Program {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    Pub(Box<tools::publish::Arguments>),
    Sub(Box<tools::subscribe::Arguments>),
    Rr(Box<tools::request::Arguments>),
}

fn parse(line: &str) -> Result<Program, clap::Error> {
    Program::try_parse_from(["causeway"].into_iter().chain(line.split_whitespace()))
}

#[test]
fn all_are_well_formed() {
    Program::command().debug_assert();
}

#[test]
fn what_mosquittos_tools_take_is_taken() {
    for line in [
        "pub -h host -p 1883 -t a -m x",
        "pub -t a -m -5 -q 2 -r -d",
        "pub -t a -n -r --quiet -V mqttv311",
        "pub -t a -l -M 10 -i id -c -x 100",
        "pub -t a -f file --repeat 3 --repeat-delay 0.5 -k 30",
        "pub -t a -s --nodelay -A 127.0.0.1 -I prefix",
        "pub -L mqtt://user:word@host:1883/a/b -m x",
        "pub -t a -m x -D publish user-property k v -D publish content-type text/plain -D connect receive-maximum 9",
        "pub -t a -m x --cafile ca.crt --cert c.crt --key c.key --tls-version tlsv1.2 --tls-alpn mqtt --insecure",
        "pub -t a -m x --capath dir -u user -P word",
        "pub -t a -m x --will-topic w --will-payload p --will-qos 1 --will-retain",
        "pub -t a -m x -p 1883 -p 1884",
        "sub -t a -t b -T c -T d -U e -U f",
        "sub -t a -C 5 -W 10 -R -v -N -q 1",
        "sub -t a --retained-only --remove-retained -F %j -v",
        "sub -t a -E -c -i id",
        "sub -L ws://host:80/path -t a",
        "sub -U a -c -i id",
        "rr -t a -e b -m x -W 5 -q 1 -F %p",
        "rr -t a -e b -n -V 5 -D publish correlation-data x",
    ] {
        let parsed = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(format!("{parsed:?}").len() > 100);
    }
}

#[test]
fn what_means_nothing_is_refused() {
    for (line, expected) in [
        ("pub -t a", "--message <TEXT>"),
        ("pub -t a -m x -n", "cannot be used with"),
        ("pub -t a -m x -l", "cannot be used with"),
        ("pub -m x", "--topic <TOPIC>"),
        ("pub -t a -m x -q 3", "3 is not in 0..=2"),
        ("pub -t a -m x -c", "--id <ID>"),
        ("pub -t a -m x -D publish content-type", "3 values required"),
        ("pub -t a -m x -h host -L mqtt://host", "cannot be used with"),
        ("pub -t a -m x -i a -I b", "cannot be used with"),
        ("pub -t a -m x -P word --password-file file", "cannot be used with"),
        ("sub", "--topic <FILTER>"),
        ("sub -t a -C 0", "0 is not in 1.."),
        ("sub -t a -R --retained-only", "cannot be used with"),
        ("rr -t a -e b", "--message <TEXT>"),
    ] {
        let error = parse(line).expect_err(line).to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

/// -h is the host, as in mosquitto's tools; the help is --help.
#[test]
fn help_is_grouped_and_fits_the_terminal() {
    for tool in ["pub", "sub", "rr"] {
        let help = parse(&format!("{tool} --help")).expect_err("the help").to_string();
        for heading in
            ["Broker:", "Who you are:", "Session:", "TLS (any of these turns it on):", "Exit codes:", "Example"]
        {
            assert!(help.contains(heading), "{tool}: no {heading}");
        }
        let mut lines = help.lines().filter(|line| !line.starts_with("Usage:"));
        let long = lines.find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{tool}");
    }
}

#[test]
fn passwords_do_not_show() {
    let parsed = parse("pub -t a -m x -u user -P hush-hush -L mqtt://user:hush-hush@host/a").expect("a command line");
    assert!(!format!("{parsed:?}").contains("hush-hush"));
}
