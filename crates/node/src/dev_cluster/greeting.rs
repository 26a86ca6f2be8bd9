//! What to try a cluster with, ready to paste into a shell.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use config::Encryption;

use super::layout::{Layout, Ports};
use crate::greeting::quoted;

/// The commands, and where everything is.
pub(super) fn greeting(
    layout: &Layout,
    encryption: Encryption,
    (program, root): (&str, &Path),
    ids: &BTreeMap<&str, Option<u32>>,
) -> String {
    let mut lines = String::new();
    let mqtt: Vec<_> = layout
        .members
        .iter()
        .filter_map(|member| match member.ports {
            Ports::Frontend { mqtt, .. } => Some((member, mqtt)),
            Ports::Backend { .. } => None,
        })
        .collect();
    // Writing to a string does not fail.
    if let (Some((first, sub)), Some((last, publish))) = (mqtt.first(), mqtt.last()) {
        let _ = writeln!(
            lines,
            "# Try it: subscribe at {} in one terminal, publish at {} in another.\n\
             mosquitto_sub -h {} -p {} -v -t 'demo/#'\n\
             mosquitto_pub -h {} -p {} -t demo/hello -m 'hello, across processes'",
            first.name,
            last.name,
            sub.ip(),
            sub.port(),
            publish.ip(),
            publish.port()
        );
    }
    let program = quoted(program);
    if encryption == Encryption::Disabled {
        let _ = writeln!(lines, "# What they say to each other is not encrypted (advanced.encryptInternalTraffic)");
    } else if let Some(holder) = layout.members.first() {
        let _ = writeln!(
            lines,
            "# The certificates by which they know each other, and a new one for {0}:\n\
             {program} certs status --admin http://{1}\n\
             {program} certs rotate --admin http://{1}",
            holder.name, holder.admin
        );
    }
    let _ = writeln!(lines, "# A process that is killed is started again:");
    for member in &layout.members {
        let place = match member.ports {
            Ports::Frontend { mqtt, mqtts, ws } => format!("mqtt {mqtt}, mqtts {mqtts}, ws {ws}"),
            Ports::Backend { internal } => format!("internal {internal}"),
        };
        let pid =
            ids.get(member.name.as_str()).copied().flatten().map_or_else(String::new, |id| format!("kill -9 {id}"));
        let _ = writeln!(lines, "{pid:14}  # {}: {place}, admin http://{}", member.name, member.admin);
    }
    let logs = super::layout::logs(root);
    let _ = writeln!(lines, "# Logs: tail -F {}/*.log", quoted(&logs.to_string_lossy()));
    let _ = writeln!(lines, "# Ctrl-C ends them all; their data stays in {}", quoted(&root.to_string_lossy()));
    lines
}
