//! Clients, and asking about them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth::authentication::{Accepted, Counters, Credentials, Enhanced, MethodSettings, Methods, Purpose, Verdict};
use mqtt::ReasonCode;
use rustls_pki_types::CertificateDer;

/// Shows nothing.
pub fn anyone() -> Credentials {
    Credentials {
        client_id: "client".into(),
        username: None,
        password: None,
        enhanced: None,
        chain: None,
        address: [127, 0, 0, 1].into(),
    }
}

pub fn with_password(username: &str, password: &str) -> Credentials {
    let password = Some(password.as_bytes().to_vec().into());
    Credentials { username: Some(username.into()), password, ..anyone() }
}

pub fn with_enhanced(method: &str, data: &str) -> Credentials {
    let data = Some(data.as_bytes().to_vec().into());
    Credentials { enhanced: Some(Enhanced { method: method.into(), data }), ..anyone() }
}

pub fn with_chain(chain: Vec<CertificateDer<'static>>) -> Credentials {
    Credentials { chain: Some(chain.into()), ..anyone() }
}

pub fn counters() -> Arc<Counters> {
    Arc::new(Counters::default())
}

pub fn compiled(settings: &[MethodSettings]) -> Methods {
    Methods::compile(settings, None, &counters()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What is said to a CONNECT.
pub async fn judge(methods: &Methods, credentials: &Credentials) -> Verdict {
    judge_at(methods, credentials, SystemTime::now()).await
}

pub async fn judge_at(methods: &Methods, credentials: &Credentials, now: SystemTime) -> Verdict {
    let judging = methods.judge(credentials, &Purpose::Connect, now);
    tokio::time::timeout(Duration::from_secs(60), judging).await.expect("a verdict")
}

pub fn accepted(verdict: Verdict) -> Accepted {
    match verdict {
        Verdict::Accept(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

/// The reason, after a look whether `part` is among the words for the log.
pub fn denied(verdict: Verdict, part: &str) -> ReasonCode {
    match verdict {
        Verdict::Deny { reason, why } if why.contains(part) => reason,
        other => panic!("{other:?} does not say {part:?}"),
    }
}

pub fn not_found_out(verdict: Verdict, part: &str) {
    assert!(
        matches!(&verdict, Verdict::Unavailable { why } if why.contains(part)),
        "{verdict:?} does not say {part:?}"
    );
}

pub fn seconds_from(now: SystemTime, seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { now - distance } else { now + distance }
}
