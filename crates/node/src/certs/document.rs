//! The authority in a data directory, in the form in which the admin endpoint tells of one.

use std::time::SystemTime;

use identity::internal::{AuthorityPhase, InternalAuthority, Standing};
use serde_json::{Value, json};

use crate::moment::rfc3339;

pub(super) fn of(authority: &InternalAuthority) -> Value {
    let status = authority.status();
    let (phase, ends) = phase(status.phase);
    let members = authority.members().into_iter().map(|known| {
        let standing = match known.standing {
            Standing::Member => "Member",
            Standing::Removed => "Removed",
        };
        json!({
            "role": known.member.role.as_str(),
            "name": known.member.name.as_str(),
            "notAfter": rfc3339(known.not_after),
            "standing": standing,
        })
    });
    json!({
        "cluster": authority.cluster().as_str(),
        "certificate": null,
        "authority": {
            "fingerprint": status.fingerprint,
            "notAfter": rfc3339(status.not_after),
            "phase": phase,
            "phaseEnds": rfc3339(ends),
            "generation": status.generation,
            "members": members.collect::<Vec<_>>(),
        },
    })
}

fn phase(phase: AuthorityPhase) -> (&'static str, SystemTime) {
    match phase {
        AuthorityPhase::Alone { rotation } => ("Alone", rotation),
        AuthorityPhase::Announced { issues } => ("Announced", issues),
        AuthorityPhase::Overlap { until } => ("Overlap", until),
    }
}
