//! The result for a person.

use std::fmt::Write;

use super::latency::Percentiles;
use super::number::{counted, memory, rate, whole};
use super::part::PartReport;
use super::report::{MessagesReport, Report};
use super::span;

/// A page of text that ends with a line break.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, report);
    out
}

fn write_page(out: &mut String, report: &Report) -> std::fmt::Result {
    headline(out, report)?;
    for part in &report.parts {
        write_part(out, report, part)?;
    }
    latencies(out, report)?;
    // A run that did not begin has no messages to speak of.
    if let Some(messages) = report.messages.as_ref().filter(|_| !report.parts.is_empty()) {
        write_messages(out, messages)?;
    }
    write_connections(out, report)?;
    write_memory(out, report)?;
    for fault in &report.faults {
        writeln!(out, "  {:>12}  {}", whole(fault.count), fault.fault)?;
    }
    for notice in &report.notices {
        writeln!(out, "note: {notice}")?;
    }
    for problem in &report.problems {
        writeln!(out, "FAILED: {problem}")?;
    }
    Ok(())
}

fn headline(out: &mut String, report: &Report) -> std::fmt::Result {
    write!(out, "{}", report.scenario)?;
    if let Some(load) = &report.load {
        if load.publishers > 0 {
            write!(out, ", {}", counted(load.publishers.into(), "publisher"))?;
        }
        if load.subscribers > 0 {
            write!(out, ", {}", counted(load.subscribers.into(), "subscriber"))?;
        }
        match (load.publishers, load.qos == load.subscription_qos || load.subscribers == 0) {
            (0, _) => write!(out, ", QoS {}", load.subscription_qos)?,
            (_, true) => write!(out, ", QoS {}", load.qos)?,
            (_, false) => write!(out, ", QoS {} to {}", load.qos, load.subscription_qos)?,
        }
        if load.publishers > 0 {
            write!(out, ", {} bytes", load.size)?;
        }
        match (load.rate, load.window) {
            (Some(per_second), _) => write!(out, ", {}/s", rate(per_second))?,
            (None, Some(window)) => write!(out, ", window {window}")?,
            (None, None) => {}
        }
    }
    writeln!(out, "; MQTT {} over {} to {}, run {}", report.protocol, report.transport, report.broker, report.run)
}

fn write_part(out: &mut String, report: &Report, part: &PartReport) -> std::fmt::Result {
    writeln!(out, "\n{} for {}", part.part, span::show((part.seconds * 1e9) as u64))?;
    let mut line = |name: &str, count: u64, per_second: f64, megabytes: Option<f64>| -> std::fmt::Result {
        if count == 0 {
            return Ok(());
        }
        let megabytes = megabytes.map(|mb| format!("{} MB/s", rate(mb))).unwrap_or_default();
        let row = format!("  {name:<14}{:>14}{:>14}/s  {megabytes}", whole(count), rate(per_second));
        writeln!(out, "{}", row.trim_end())
    };
    line("connected", part.connected, part.connected_per_s, None)?;
    line("sent", part.sent, part.sent_per_s, Some(part.sent_mb_per_s))?;
    line("acknowledged", part.acknowledged, part.acknowledged_per_s, None)?;
    line("received", part.received, part.received_per_s, Some(part.received_mb_per_s))?;
    let name = |per| match (per, report.scenario) {
        ("delivery", _) => "message delivered",
        ("publish", _) => "message published",
        (other, _) => other,
    };
    let mut cost = |who: &str, cpu: Option<f64>, cores: f64| -> std::fmt::Result {
        let Some(cpu) = cpu else { return Ok(()) };
        writeln!(out, "  {who:<14}{cpu:>11.2} µs CPU per {}, {cores:.2} cores", name(part.per))
    };
    cost("broker", part.broker_cpu_us_per, part.broker_cores.unwrap_or(0.0))?;
    cost("bench", part.own_cpu_us_per, part.own_cores)
}

fn latencies(out: &mut String, report: &Report) -> std::fmt::Result {
    let latency = &report.latency;
    let rows = [
        ("due -> delivery", &latency.delivery),
        ("due -> ack", &latency.acknowledgement),
        ("connect", &latency.connect),
    ];
    if rows.iter().all(|(_, summary)| summary.is_none()) {
        return Ok(());
    }
    let heads = ["mean", "p50", "p90", "p99", "p99.9", "max"].map(|head| format!("{head:>10}")).concat();
    writeln!(out, "\n  {:<16}{heads}", "latency")?;
    for (name, summary) in rows {
        if let Some(summary) = summary {
            writeln!(out, "  {name:<16}{}", columns(summary))?;
        }
    }
    Ok(())
}

fn columns(summary: &Percentiles) -> String {
    let values = [summary.mean_us, summary.p50_us, summary.p90_us, summary.p99_us, summary.p999_us, summary.max_us];
    values.map(|us| format!("{:>10}", span::show((us * 1e3) as u64))).concat()
}

fn write_messages(out: &mut String, messages: &MessagesReport) -> std::fmt::Result {
    let shown = |figure: Option<u64>| figure.map_or("not measured".to_owned(), whole);
    writeln!(out, "\nin all")?;
    if messages.sent > 0 {
        write!(out, "  sent {}", whole(messages.sent))?;
        if let Some(acknowledged) = messages.acknowledged {
            write!(out, ", acknowledged {}", whole(acknowledged))?;
        }
        if messages.resent > 0 {
            write!(out, ", sent again {}", whole(messages.resent))?;
        }
        writeln!(out)?;
    }
    if messages.expected.is_none() && messages.received == 0 {
        return Ok(());
    }
    write!(out, "  received {}", whole(messages.received))?;
    if let Some(expected) = messages.expected {
        write!(out, " of {}", whole(expected))?;
    }
    write!(out, ": lost {}, duplicates {}", shown(messages.lost), shown(messages.duplicates))?;
    if let Some(flagged @ 1..) = messages.duplicates_flagged {
        write!(out, " ({} with DUP)", whole(flagged))?;
    }
    writeln!(out, ", out of order {}", shown(messages.out_of_order))
}

fn write_connections(out: &mut String, report: &Report) -> std::fmt::Result {
    let connections = &report.connections;
    let parts = [
        (connections.failed, "failed"),
        (connections.lost, "lost"),
        (connections.reconnected, "made again"),
        (connections.sessions_lost, "without the session that should have been there"),
    ];
    write!(out, "  connections {}", whole(connections.opened))?;
    for (count, name) in parts {
        if count > 0 {
            write!(out, ", {} {name}", whole(count))?;
        }
    }
    writeln!(out)
}

fn write_memory(out: &mut String, report: &Report) -> std::fmt::Result {
    let Some(seen) = &report.broker_memory else { return Ok(()) };
    write!(out, "  broker memory {}, at most {}", memory(seen.before_kib), memory(seen.peak_kib))?;
    match seen.after_kib {
        Some(after) => write!(out, ", at the end {}", memory(after))?,
        None => write!(out, ", gone at the end")?,
    }
    if let Some(bytes) = seen.bytes_per_connection {
        write!(out, ", {} bytes a connection", rate(bytes))?;
    }
    writeln!(out)
}
