//! Deciding as the broker would, and saying why.

use std::fmt::Write;

use auth::Principal;
use auth::authorization::{Action, Because, Explanation};
use config::{Host, Listener, Plan, Request};
use identity::IdentityError;
use mqtt::{Filter, TopicError, check_topic_name};

use super::claims::Claims;
use crate::access::{Ground, Guards};
use crate::arguments::{ActionAsked, ExplainAccess};
use crate::host;
use crate::reading::{Reading, Refused};
use crate::sources::Sources;

/// What comes of what the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    Denied,
}

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotSay {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{0}")]
    Who(String),
    #[error("{text:?} is no {what}: {error}")]
    Topic { what: &'static str, text: String, error: TopicError },
    #[error("there is no listener {asked}; there are {there}")]
    NoListener { asked: String, there: String },
    #[error("it depends on the listener; name one with --listener: {there}")]
    WhichListener { there: String },
}

/// Decides by the resources, and says why.
///
/// # Errors
/// Why it cannot be said.
pub(crate) fn explain(asked: ExplainAccess) -> Result<(Decision, String), CannotSay> {
    let ExplainAccess { resources, listener, claims, action } = asked;
    let principal = Claims::principal(&claims).map_err(CannotSay::Who)?;
    let action = action_of(&action)?;
    let sources = Sources { resources, broker_config: None };
    let reading = Reading { flags: Request::default(), sources };
    let plan = reading.plan(&Host { cores: host::cores(), remembered: None }).1?;
    let guards = Guards::compile(&plan, None, &Ground::example()?).map_err(Refused)?;
    let listener = chosen(&plan, listener.as_deref())?;
    let Some(policy) = guards.policy(&listener.name) else {
        return Err(CannotSay::NoListener { asked: listener.name.clone(), there: names(&plan.listeners) });
    };

    let mut text = format!("{}, on listener {}\n", who(&principal), listener.name);
    let explained = policy.explain(&principal, action);
    say(&mut text, &plan, &explained);
    // Who may not come in can do nothing else, either.
    let connect = policy.explain(&principal, Action::Connect);
    if action != Action::Connect && !connect.is_allowed() {
        say(&mut text, &plan, &connect);
    }
    let is_allowed = explained.is_allowed() && connect.is_allowed();
    Ok((if is_allowed { Decision::Allowed } else { Decision::Denied }, text))
}

fn who(principal: &Principal) -> String {
    let mut text = format!("client {:?}", principal.client_id);
    // Writing to a string does not fail.
    if let Some(username) = &principal.username {
        let _ = write!(text, ", username {username:?}");
    }
    for (name, value) in &principal.attributes {
        let _ = write!(text, ", {name} {value:?}");
    }
    text
}

fn say(text: &mut String, plan: &Plan, explanation: &Explanation) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{explanation}");
    if let Because::Rule { name, place, .. } = &explanation.because
        && let Some(written) = plan.authorizations.get(name)
    {
        let _ = writeln!(text, "  at {}", written.place.of(place));
    }
}

/// The listener that is asked about; without a name any, if all have the same rules.
fn chosen<'p>(plan: &'p Plan, asked: Option<&str>) -> Result<&'p Listener, CannotSay> {
    let Some(asked) = asked else {
        return match plan.listeners.split_first() {
            Some((first, rest)) if rest.iter().all(|other| other.authorization == first.authorization) => Ok(first),
            _ => Err(CannotSay::WhichListener { there: names(&plan.listeners) }),
        };
    };
    let named = |listener: &&Listener| {
        listener.name == asked || listener.name.split_once('/').is_some_and(|(resource, _)| resource == asked)
    };
    let found: Vec<&Listener> = plan.listeners.iter().filter(named).collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(CannotSay::NoListener { asked: asked.to_owned(), there: names(&plan.listeners) }),
        several => Err(CannotSay::WhichListener { there: names(several.iter().copied()) }),
    }
}

fn names<'p>(listeners: impl IntoIterator<Item = &'p Listener>) -> String {
    let names: Vec<&str> = listeners.into_iter().map(|listener| listener.name.as_str()).collect();
    names.join(", ")
}

fn action_of(asked: &ActionAsked) -> Result<Action<'_>, CannotSay> {
    let wrong = |what, text: &str, error| CannotSay::Topic { what, text: text.to_owned(), error };
    match asked {
        ActionAsked::Connect => Ok(Action::Connect),
        ActionAsked::Publish { topic } => {
            check_topic_name(topic).map_err(|error| wrong("topic", topic, error))?;
            Ok(Action::Publish(topic))
        }
        ActionAsked::Subscribe { filter } => {
            Filter::parse(filter).map_err(|error| wrong("topic filter", filter, error))?;
            Ok(Action::Subscribe(filter))
        }
    }
}
