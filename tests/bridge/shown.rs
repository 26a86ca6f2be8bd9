//! What the admin API shows of a dataflow.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use causeway_tests::bridge_process::BridgeProcess;
use causeway_tests::deadline::within;
use causeway_tests::{Broker, http};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// For what comes only after failed attempts, between which there are pauses.
pub const LONG: Duration = Duration::from_secs(60);

/// The ends of a dataflow, as the API calls them.
pub const SOURCE: &str = "source";
pub const DESTINATION: &str = "destination";

/// A process that runs dataflows and has an admin endpoint.
pub trait Administered {
    fn address(&self) -> SocketAddr;
}

impl Administered for Broker {
    fn address(&self) -> SocketAddr {
        self.admin()
    }
}

impl Administered for BridgeProcess {
    fn address(&self) -> SocketAddr {
        self.admin()
    }
}

/// A dataflow as the admin API shows it; nothing where it is not known.
pub fn dataflow(of: &impl Administered, name: &str) -> Option<Value> {
    let answer = http::request(of.address(), "GET", &format!("/api/v1/dataflows/{name}"), &[]).expect("an answer");
    (answer.status == 200).then(|| answer.json())
}

/// One end of its first instance.
pub fn end(of: &impl Administered, name: &str, end: &str) -> Value {
    let shown = dataflow(of, name).unwrap_or_else(|| panic!("no dataflow {name}"));
    shown["instances"][0][end].clone()
}

/// Waits until a dataflow shows what is looked for.
pub fn until<T>(of: &impl Administered, name: &str, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
    let mut last = None;
    let looked = catch_unwind(AssertUnwindSafe(|| {
        within(LONG, what, || {
            last = dataflow(of, name);
            last.as_ref().and_then(&mut look)
        })
    }));
    looked.unwrap_or_else(|_| panic!("{name} does not show {what}: {last:#?}"))
}

/// Waits until both ends are connected, and a source has subscribed.
pub fn up(of: &impl Administered, name: &str) {
    until(of, name, "both ends up", |shown| {
        let instance = &shown["instances"][0];
        [SOURCE, DESTINATION].iter().all(|end| instance[end]["state"] == "Up").then_some(())
    });
}

/// What an end shows of a step that fails.
#[derive(Clone, Debug)]
pub struct Failing {
    pub code: Option<u64>,
    pub text: String,
    pub since: OffsetDateTime,
    pub last: OffsetDateTime,
    pub times: u64,
    pub next_retry: OffsetDateTime,
}

/// Waits until an end waits for its next try because this step has failed, so often or more often.
pub fn failing(of: &impl Administered, name: &str, end: &str, step: &str, times: u64) -> Failing {
    until(of, name, &format!("{step} failing at its {end}"), |shown| {
        let end = &shown["instances"][0][end];
        let failure = &end["failure"];
        let failing = Failing {
            code: failure["code"]["number"].as_u64(),
            text: failure["text"].as_str()?.to_owned(),
            since: moment(&failure["since"])?,
            last: moment(&failure["last"])?,
            times: failure["times"].as_u64()?,
            next_retry: moment(&end["nextRetryAt"])?,
        };
        (failure["step"] == step && failing.times >= times).then_some(failing)
    })
}

/// A time as the API writes it.
pub fn moment(value: &Value) -> Option<OffsetDateTime> {
    value.as_str().map(|text| OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|e| panic!("{text}: {e}")))
}
