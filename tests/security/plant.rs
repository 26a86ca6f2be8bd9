//! A plant whose clients have passwords, and rules for what each of them may do.

use causeway_tests::users::user;
use causeway_tests::{Client, Connect, Resources, Version};

use crate::guarded::{Guarded, Port};
use crate::passwords;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse";

/// Devices may publish below their own name and read orders for their site; operators may read everything of their site
/// and share the work; the supervisor may do anything; the auditor may connect as one client only, and read.
pub const RULES: &str = r##"rules:
- principals: {attributes: [{role: device, site: north}, {role: device, site: south}]}
  brokerResources:
  - {method: Connect, clientIds: ["{principal.username}*"]}
  - method: Publish
    topics: ["telemetry/{principal.username}/#", "clients/{principal.clientId}", "alarms/+/{principal.attributes.site}"]
  - {method: Subscribe, topics: ["orders/{principal.attributes.site}/+", "public/#"]}
- principals: {attributes: [{role: operator}]}
  brokerResources:
  - {method: Connect}
  - {method: Subscribe, topics: ["telemetry/#", "alarms/+/{principal.attributes.site}"]}
  - {method: Publish, topics: ["orders/{principal.attributes.site}/+"]}
- principals: {usernames: [supervisor]}
  brokerResources:
  - {method: Connect}
  - {method: Publish, topics: ["#"]}
  - {method: Subscribe, topics: ["#"]}
- principals: {clientIds: [auditor]}
  brokerResources:
  - {method: Connect, clientIds: [auditor]}
  - {method: Subscribe, topics: ["+/+/north", "telemetry/+/temperature"]}
- principals: {usernames: ["{principal.clientId}"]}
  brokerResources:
  - {method: Publish, topics: [own-name]}
"##;

pub const USERS: &[(&str, &[(&str, &str)])] = &[
    ("pump", &[("role", "device"), ("site", "north")]),
    ("valve", &[("role", "device"), ("site", "south")]),
    // An attribute is missing: no rule is for it.
    ("stray", &[("role", "device")]),
    ("ann", &[("role", "operator"), ("site", "north")]),
    // A value that is no level, and one that would be a wildcard.
    ("bob", &[("role", "operator"), ("site", "north/#")]),
    ("eve", &[("role", "operator"), ("site", "+")]),
    ("supervisor", &[]),
    // No rule is for who is called like the supervisor, and then some.
    ("supervisors", &[]),
    ("clerk", &[]),
];

pub fn resources() -> Resources {
    let resources = Resources::new();
    let users: String = USERS.iter().map(|(name, attributes)| user(name, PASSWORD, attributes)).collect();
    passwords::keep(&resources, &users);
    resources
}

/// The plant with these rules.
pub fn ruled(rules: &str) -> Guarded {
    Guarded::ruled(resources(), Port::Plain, &[passwords::METHOD], rules)
}

pub fn guarded() -> Guarded {
    ruled(RULES)
}

/// CONNECT of that user with that client id.
pub fn connect(version: Version, username: &str, client_id: &str) -> Connect {
    Connect::new(version, client_id).user(username).password(PASSWORD.as_bytes())
}

/// A client that may do anything.
pub fn supervisor(guarded: &Guarded, version: Version) -> Client {
    guarded.admitted(&Connect::fresh(version).user("supervisor").password(PASSWORD.as_bytes()))
}
