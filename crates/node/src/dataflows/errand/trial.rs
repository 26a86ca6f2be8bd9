//! `causeway dataflow test`: endpoints tried from here, step by step.

use std::fmt::Write;
use std::sync::Arc;
use std::{fs, io};

use bridge::{Outcome, Probe, ProbeRole, StepReport};
use config::Plan;
use config::authentication::File;
use config::dataflow::{Dataflow, Endpoint, Mode, Reach};
use serde_json::{Value, json};

use crate::arguments::{DataflowTest, LocalFlags};
use crate::dataflows::endpoint::{Making, shown_address};
use crate::dataflows::local::{Elsewhere, LocalBroker};
use crate::dataflows::roster::wire_filter;
use crate::dataflows::running::surroundings;
use crate::dataflows::trust::Configurations;

const LOCAL_IS_INSIDE: &str = "the local broker is reached within its process; give --local HOST:PORT, and --local-ca FILE for \
                               TLS, to try it at an address";

/// What came of it as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every step that was tried.
    Passed,
    Failed,
    /// Nothing was, or something that should have been.
    NotTried,
}

/// Why nothing can be tried; one sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotTest {
    #[error("there is no Dataflow {name} in the resources; there are {known}")]
    NoDataflow { name: String, known: String },
    #[error("there is no DataflowEndpoint {name} in the resources; there are {known}")]
    NoEndpoint { name: String, known: String },
    #[error("there is no enabled Dataflow in the resources; name one, or try an endpoint with --endpoint")]
    None,
    #[error("--local-ca {file}: cannot be read: {source}; give the file tls/ca.crt of the broker's data directory")]
    LocalCa { file: String, source: io::Error },
    #[error("cannot try anything: {0}")]
    System(io::Error),
}

/// One end of a dataflow, or an endpoint alone.
struct Leg<'a> {
    dataflow: Option<&'a str>,
    end: &'static str,
    endpoint: &'a Endpoint,
    role: ProbeRole,
}

/// What came of a leg.
struct Report<'a> {
    leg: Leg<'a>,
    address: String,
    tried: Tried,
}

enum Tried {
    Steps(Vec<StepReport>),
    /// It was not asked for.
    Skipped(&'static str),
    /// The endpoint cannot be, as it is written.
    Impossible(String),
}

/// Tries one leg after the other, and tells what came of each.
///
/// # Errors
/// There is nothing to try.
pub(crate) fn test(asked: &DataflowTest, plan: &Plan) -> Result<(Verdict, String), CannotTest> {
    let legs = legs(asked, plan)?;
    let local = local(&asked.local)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CannotTest::System)?;
    let reports = runtime.block_on(async {
        let mut reports = Vec::with_capacity(legs.len());
        for leg in legs {
            let address = shown_address(leg.endpoint, &local);
            let tried = tried(&leg, &asked.local, &local).await;
            reports.push(Report { leg, address, tried });
        }
        reports
    });
    // A name may still be looked up, which nothing can end.
    runtime.shutdown_background();
    let text = match asked.json {
        true => format!("{:#}\n", Value::Array(reports.iter().map(Report::json).collect())),
        false => reports.iter().map(Report::text).collect(),
    };
    Ok((verdict(&reports), text))
}

fn legs<'a>(asked: &DataflowTest, plan: &'a Plan) -> Result<Vec<Leg<'a>>, CannotTest> {
    if let Some(name) = &asked.endpoint {
        let known = || names(plan.endpoints.keys());
        let endpoint = plan.endpoints.get(name);
        let endpoint = endpoint.ok_or_else(|| CannotTest::NoEndpoint { name: name.clone(), known: known() })?;
        return Ok(vec![Leg { dataflow: None, end: "endpoint", endpoint, role: ProbeRole::Destination }]);
    }
    let dataflows: Vec<&Dataflow> = match &asked.name {
        Some(name) => {
            let known = || names(plan.dataflows.keys());
            let dataflow = plan.dataflows.get(name);
            vec![dataflow.ok_or_else(|| CannotTest::NoDataflow { name: name.clone(), known: known() })?]
        }
        None => plan.dataflows.values().filter(|dataflow| dataflow.mode == Mode::Enabled).collect(),
    };
    let legs: Vec<Leg<'_>> = dataflows.into_iter().flat_map(|dataflow| ends(dataflow, plan)).collect();
    if legs.is_empty() { Err(CannotTest::None) } else { Ok(legs) }
}

fn ends<'a>(dataflow: &'a Dataflow, plan: &'a Plan) -> impl Iterator<Item = Leg<'a>> {
    // Groups are the probe's own, whatever they are called here.
    let filters = dataflow.filters.iter().map(|filter| wire_filter(filter, "test", &dataflow.name)).collect();
    let ends = [
        ("source", &dataflow.source, ProbeRole::Source { filters }),
        ("destination", &dataflow.destination, ProbeRole::Destination),
    ];
    ends.into_iter().filter_map(|(end, name, role)| {
        let endpoint = plan.endpoints.get(name)?;
        Some(Leg { dataflow: Some(&dataflow.name), end, endpoint, role })
    })
}

fn names<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = all.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn local(flags: &LocalFlags) -> Result<LocalBroker, CannotTest> {
    let authority = flags.local_ca.as_ref().map(|path| {
        let name = path.display().to_string();
        match fs::read(path) {
            Ok(content) => Ok(File { name, content }),
            Err(source) => Err(CannotTest::LocalCa { file: name, source }),
        }
    });
    Ok(LocalBroker::Elsewhere(Elsewhere { address: flags.local.clone(), authority: authority.transpose()? }))
}

async fn tried(leg: &Leg<'_>, flags: &LocalFlags, local: &LocalBroker) -> Tried {
    if leg.endpoint.reach == Reach::Memory && flags.local.is_none() && flags.local_ca.is_none() {
        return Tried::Skipped(LOCAL_IS_INSIDE);
    }
    let before = Configurations::default();
    let mut making = Making { local, before: &before, configurations: Configurations::default() };
    match making.endpoint(leg.endpoint) {
        Ok(endpoint) => {
            let client_id = client_id(leg, &endpoint);
            let probe = Probe { endpoint: Arc::new(endpoint), role: leg.role.clone(), client_id };
            Tried::Steps(bridge::probe(probe, &surroundings()).await)
        }
        Err(problem) => Tried::Impossible(problem.to_string()),
    }
}

/// As the dataflow's own begins, for servers that go by that, and nobody else's.
fn client_id(leg: &Leg<'_>, endpoint: &bridge::Endpoint) -> String {
    let mut bytes = [0; 4];
    // Without chance, two trials at once put each other out, and nobody else.
    let _ = getrandom::fill(&mut bytes);
    let prefix = endpoint.client_id_prefix.as_deref().unwrap_or("causeway-");
    let name = leg.dataflow.unwrap_or(&endpoint.name);
    format!("{prefix}{name}-test-{:08x}", u32::from_le_bytes(bytes))
}

fn verdict(reports: &[Report<'_>]) -> Verdict {
    let failed = |tried: &Tried| match tried {
        Tried::Steps(steps) => steps.iter().any(|step| matches!(step.outcome, Outcome::Failed { .. })),
        Tried::Skipped(_) | Tried::Impossible(_) => false,
    };
    let impossible = reports.iter().any(|report| matches!(report.tried, Tried::Impossible(_)));
    let nothing = !reports.iter().any(|report| matches!(report.tried, Tried::Steps(_)));
    match reports.iter().any(|report| failed(&report.tried)) {
        true => Verdict::Failed,
        false if impossible || nothing => Verdict::NotTried,
        false => Verdict::Passed,
    }
}

impl Report<'_> {
    /// A line for the endpoint, and one for each step.
    fn text(&self) -> String {
        let Leg { dataflow, end, endpoint, .. } = &self.leg;
        let whose = dataflow.map_or_else(String::new, |dataflow| format!("{dataflow}: "));
        let mut text = format!("{whose}{end} {} {}\n", endpoint.name, self.address);
        // Writing to a String does not fail.
        let _ = match &self.tried {
            Tried::Skipped(why) => writeln!(text, "  skipped: {why}"),
            Tried::Impossible(why) => writeln!(text, "  cannot be tried: {why}"),
            Tried::Steps(steps) => steps.iter().try_for_each(|step| writeln!(text, "  {}", line(step))),
        };
        text
    }

    fn json(&self) -> Value {
        let Leg { dataflow, end, endpoint, .. } = &self.leg;
        let (steps, skipped, impossible) = match &self.tried {
            Tried::Steps(steps) => (steps.iter().map(step_json).collect(), None, None),
            Tried::Skipped(why) => (Vec::new(), Some(why), None),
            Tried::Impossible(why) => (Vec::new(), None, Some(why)),
        };
        json!({
            "dataflow": dataflow,
            "end": end,
            "endpoint": endpoint.name,
            "address": self.address,
            "steps": steps,
            "skipped": skipped,
            "impossible": impossible,
        })
    }
}

fn line(report: &StepReport) -> String {
    let step = report.step.name();
    match &report.outcome {
        Outcome::Passed { note, took } => {
            let line = format!("{step:10} passed   {:>8.1} ms  {note}", took.as_secs_f64() * 1000.0);
            line.trim_end().to_owned()
        }
        Outcome::Failed { code: Some(code), text } => format!("{step:10} FAILED   {code:?}: {text}"),
        Outcome::Failed { code: None, text } => format!("{step:10} FAILED   {text}"),
        Outcome::Skipped { why } => format!("{step:10} skipped  {why}"),
    }
}

fn step_json(report: &StepReport) -> Value {
    let step = report.step.name();
    match &report.outcome {
        Outcome::Passed { note, took } => {
            json!({ "step": step, "outcome": "passed", "note": note, "milliseconds": took.as_secs_f64() * 1000.0 })
        }
        Outcome::Failed { code, text } => {
            let code = code.map(|code| format!("{code:?}"));
            json!({ "step": step, "outcome": "failed", "code": code, "text": text })
        }
        Outcome::Skipped { why } => json!({ "step": step, "outcome": "skipped", "why": why }),
    }
}
