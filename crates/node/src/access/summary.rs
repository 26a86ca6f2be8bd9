//! Who is let in by each port, in a sentence: for people who look at what is in effect.

use config::authentication::{Authentication, Method};
use config::{Listener, Plan};

use super::fault::kind;

/// A line for each listener.
pub(crate) fn summary(plan: &Plan) -> Vec<String> {
    plan.listeners.iter().map(|listener| sentence(plan, listener)).collect()
}

fn sentence(plan: &Plan, listener: &Listener) -> String {
    let name = &listener.name;
    let entry = match &listener.authentication {
        None => "everybody is let in".to_owned(),
        Some(authentication) => {
            let ways = plan.authentications.get(authentication).map(ways).unwrap_or_default();
            format!("BrokerAuthentication {authentication} lets in{ways}")
        }
    };
    let rules = match &listener.authorization {
        None => "and allowed everything".to_owned(),
        Some(authorization) => {
            let rules = plan.authorizations.get(authorization).map_or(0, |authorization| authorization.rules.len());
            let plural = if rules == 1 { "rule" } else { "rules" };
            format!("and allowed what BrokerAuthorization {authorization} says ({rules} {plural})")
        }
    };
    format!("listener {name}: {entry}, {rules}")
}

/// As ` by X509, then Jwt (a client certificate is asked for, and not required)`.
fn ways(authentication: &Authentication) -> String {
    let kinds: Vec<&str> = authentication.methods.iter().map(kind).collect();
    let certificate = match authentication.methods.iter().filter(|method| matches!(method, Method::X509(_))).count() {
        0 => "",
        number if number == kinds.len() => " (a client certificate is required)",
        _ => " (a client certificate is asked for, and not required)",
    };
    format!(" by {}{certificate}", kinds.join(", then "))
}
