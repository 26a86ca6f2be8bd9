//! What was asked for, and the plans or problems that come of it.

mod cluster;
mod crossings;
mod dataflow_fields;
mod defaults;
mod fields;
mod flags;
mod guards;
mod listeners;
mod precedence;

use super::{Host, Plan};
use crate::{Input, Problems, Text};

const HOST: Host = Host { cores: 8, remembered: None };

/// A resource file.
fn text(path: &str, text: &str) -> Text {
    Text { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

/// With resource files alone.
fn resources(texts: &[&str]) -> Input {
    let texts = texts.iter().enumerate().map(|(n, yaml)| text(&format!("{n}.yaml"), yaml)).collect();
    Input { texts, ..Input::default() }
}

fn sound(input: &Input) -> Plan {
    Plan::check(input, &HOST).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(input: &Input) -> Problems {
    Plan::check(input, &HOST).unwrap_err()
}

/// A value as it is explained, with where it came from.
fn explained(plan: &Plan, path: &str) -> String {
    let value = plan.values.iter().find(|value| value.path == path).unwrap_or_else(|| panic!("no {path}"));
    format!("{} ({})", value.value, value.origin)
}
