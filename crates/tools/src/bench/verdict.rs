//! Whether the run went well, and if not why.

use mqtt::QoS;

use super::counts::Count;
use super::number::counted;
use super::report::MessagesReport;
use super::runner::Findings;
use super::settings::{Load, Reconnect, Routing, Settings, TrafficLoad};
use super::total::Total;

/// What is to be said about a run beside its figures.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Any of these makes the exit code 1.
    pub(super) problems: Vec<String>,
    pub(super) notices: Vec<String>,
}

impl Verdict {
    /// `noun` in the singular; `text` says what became of them.
    fn problem(&mut self, count: u64, noun: &str, text: &str) {
        if count > 0 {
            self.problems.push(format!("{} {text}", counted(count, noun)));
        }
    }

    fn notice(&mut self, count: u64, noun: &str, text: &str) {
        if count > 0 {
            self.notices.push(format!("{} {text}", counted(count, noun)));
        }
    }
}

pub(super) fn judge(
    settings: &Settings,
    total: &Total,
    messages: Option<&MessagesReport>,
    findings: &Findings,
) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.problems.extend(findings.failure.clone());
    let counts = &total.counts;
    let must_hold = settings.clients.reconnect == Reconnect::Never;
    if findings.failure.is_none() {
        verdict.problem(counts[Count::ConnectFailures] * u64::from(must_hold), "attempt", "to connect failed");
    }
    verdict.problem(counts[Count::Dropped] * u64::from(must_hold), "connection", "lost");
    verdict.problem(counts[Count::SessionsLost], "session", "gone when the client came back");
    if let (Some(messages), Load::Traffic(load)) = (messages, &settings.load) {
        judge_messages(&mut verdict, load, messages);
        explain(&mut verdict, load, messages);
    }
    verdict.notice(counts[Count::Downgraded], "subscription", "granted with a lower QoS than asked for");
    verdict.notice(
        counts[Count::Untracked],
        "message",
        "not to be told from repetitions, so losses and duplicates are not measured",
    );
    verdict.notice(total.left_behind, "session", "or retained messages may be left at the broker");
    if findings.was_interrupted {
        verdict.notices.push("interrupted: the figures are those until then".to_owned());
    }
    verdict
}

fn judge_messages(verdict: &mut Verdict, load: &TrafficLoad, messages: &MessagesReport) {
    let is_promised = match load.routing {
        Routing::Others { .. } => load.subscription_qos > QoS::AtMostOnce,
        _ => load.delivery_qos() > QoS::AtMostOnce,
    };
    if is_promised {
        verdict.problem(messages.lost.unwrap_or(0), "message", "lost");
        // Without losses known one by one, too few are still too few.
        let missing = messages.expected.unwrap_or(0).saturating_sub(messages.received);
        verdict.problem(if messages.lost.is_none() { missing } else { 0 }, "message", "at least lost");
    }
    verdict.problem(messages.unanswered, "publish", "not answered");
    verdict.problem(messages.refused, "publish", "refused");
    verdict.problem(messages.out_of_order.unwrap_or(0), "message", "out of order");
    verdict.problem(messages.misrouted.unwrap_or(0), "message", "for another subscriber");
    if load.message.qos.min(load.subscription_qos) == QoS::ExactlyOnce {
        verdict.problem(messages.duplicates.unwrap_or(0), "message", "of QoS 2 repeated");
    }
}

/// Why some figures are as they are.
fn explain(verdict: &mut Verdict, load: &TrafficLoad, messages: &MessagesReport) {
    if !load.message.stamped && load.subscribers > 0 {
        let text = "payloads under 28 bytes: latency, losses, duplicates and order are not measured";
        verdict.notices.push(text.to_owned());
    }
    verdict.notice(messages.behind, "message", "due and not written: the rate was not kept");
    verdict.notice(messages.stalls, "time", "nothing came for 2 s and windows were opened again");
    verdict.notice(messages.foreign, "message", "of somebody else arrived, not counted");
}
