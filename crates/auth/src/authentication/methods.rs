//! The methods of one BrokerAuthentication, in order: the first that is relevant decides.

use std::sync::Arc;
use std::time::SystemTime;

use mqtt::ReasonCode;
use rustls_pki_types::CertificateDer;

use super::counters::Counters;
use super::credentials::{Credentials, Purpose};
use super::judgement::{Accepted, Judgement, MethodKind, Verdict};
use super::method::{Method, MethodFault, MethodSettings};
use super::x509::Demand;

/// A list of methods, ready to judge. It never changes: new settings make a new list, which takes over from the one before
/// the methods whose settings are the same, with their connections and what they remember.
pub struct Methods {
    list: Vec<(MethodSettings, Arc<Method>)>,
}

/// A client that was let in.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a> {
    pub by: MethodKind,
    pub username: Option<&'a str>,
    /// The certificates of the TLS handshake, the client's own first.
    pub chain: Option<&'a [CertificateDer<'static>]>,
}

/// What a client that was let in is by other methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// What it was.
    Same,
    /// Somebody with these attributes, until then.
    Renewed(Accepted),
}

/// What is wrong with a list of methods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("authenticationMethods[{method}]: {fault}")]
pub struct MethodsError {
    /// Counted from 0.
    pub method: usize,
    pub fault: MethodFault,
}

impl Methods {
    /// Makes the list.
    ///
    /// # Errors
    /// Everything that is wrong, by method.
    pub fn compile(
        settings: &[MethodSettings],
        before: Option<&Self>,
        counters: &Arc<Counters>,
    ) -> Result<Self, Vec<MethodsError>> {
        let mut errors = Vec::new();
        let mut list = Vec::new();
        for (number, settings) in settings.iter().enumerate() {
            let same = before.and_then(|before| before.list.iter().find(|(old, _)| old == settings));
            match same
                .map_or_else(|| Method::new(settings, counters).map(Arc::new), |(_, method)| Ok(Arc::clone(method)))
            {
                Ok(method) => list.push((settings.clone(), method)),
                Err(fault) => errors.push(MethodsError { method: number, fault }),
            }
        }
        if errors.is_empty() { Ok(Self { list }) } else { Err(errors) }
    }

    /// Whether a certificate is a way in, and the only one; `None` if it is none.
    pub fn certificates(&self) -> Option<Demand> {
        let is_certificate = |(_, method): &(_, Arc<Method>)| method.kind() == MethodKind::X509;
        let number = self.list.iter().filter(|entry| is_certificate(entry)).count();
        match number {
            0 => None,
            number if number == self.list.len() => Some(Demand::Required),
            _ => Some(Demand::Optional),
        }
    }

    /// Whether a client that the list `before` let in would still be: what becomes of it under this list, as far as that can
    /// be said without its secrets. Tokens, and what a server has said, hold until they end.
    ///
    /// # Errors
    /// Why the client must go.
    pub fn still_accept(&self, before: &Self, client: &Admitted<'_>, now: SystemTime) -> Result<Admission, String> {
        let of_kind = |methods: &Self| -> Vec<Arc<Method>> {
            let kind = methods.list.iter().filter(|(_, method)| method.kind() == client.by);
            kind.map(|(_, method)| Arc::clone(method)).collect()
        };
        let (old, new) = (of_kind(before), of_kind(self));
        if old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| Arc::ptr_eq(old, new)) {
            return Ok(Admission::Same);
        }
        if new.is_empty() {
            return Err(format!("{} is no method here any more", client.by));
        }
        let mut refused = String::new();
        for method in &new {
            match method.still_accepts(&old, client, now) {
                Ok(admission) => return Ok(admission),
                Err(why) => refused = why,
            }
        }
        Err(format!("{}: {refused}", client.by))
    }

    /// Asks the methods, without a deadline over all of them. `now` is the time that credentials are compared with.
    pub async fn judge(&self, credentials: &Credentials, purpose: &Purpose, now: SystemTime) -> Verdict {
        if let Purpose::ReAuthenticate { by, .. } = purpose
            && !by.renews()
        {
            return deny(ReasonCode::NotAuthorized, format!("{by} cannot be renewed; the client must connect again"));
        }
        let mut out_of_reach = None;
        for (_, method) in self.list.iter().filter(|(_, method)| concerns(method, purpose)) {
            match method.judge(credentials, purpose, now).await {
                Judgement::Accept(accepted) => return checked(accepted, purpose, now),
                Judgement::Deny { reason, why } => {
                    return deny(as_sent(reason, purpose), format!("{}: {why}", method.kind()));
                }
                Judgement::Unavailable { why } => {
                    return Verdict::Unavailable { why: format!("{}: {why}", method.kind()) };
                }
                Judgement::OutOfReach { why } => {
                    out_of_reach.get_or_insert(format!("{}: {why}", method.kind()));
                }
                Judgement::NotRelevant => {}
            }
        }
        match out_of_reach {
            // Who would have decided may be back soon: the client should come again, and not give up.
            Some(why) => Verdict::Unavailable { why },
            None => {
                deny(as_sent(nobody_decided(credentials), purpose), "no method is for these credentials".to_owned())
            }
        }
    }
}

/// At a re-authentication only what accepted the client may accept it again.
fn concerns(method: &Method, purpose: &Purpose) -> bool {
    match purpose {
        Purpose::Connect => true,
        Purpose::ReAuthenticate { by, .. } => method.kind() == *by,
    }
}

fn checked(accepted: Accepted, purpose: &Purpose, now: SystemTime) -> Verdict {
    if accepted.expires.is_some_and(|end| end <= now) {
        return deny(ReasonCode::NotAuthorized, format!("{}: the credential has ended", accepted.by));
    }
    if let Purpose::ReAuthenticate { username, .. } = purpose
        && *username != accepted.username
    {
        return deny(ReasonCode::NotAuthorized, format!("{}: the credential is somebody else's", accepted.by));
    }
    Verdict::Accept(accepted)
}

/// An enhanced method that nobody knows is a bad one; a name or password that nobody takes is a bad one; who shows nothing
/// at all is not authorized.
fn nobody_decided(credentials: &Credentials) -> ReasonCode {
    if credentials.enhanced.is_some() {
        ReasonCode::BadAuthenticationMethod
    } else if credentials.username.is_some() || credentials.password.is_some() {
        ReasonCode::BadUserNameOrPassword
    } else {
        ReasonCode::NotAuthorized
    }
}

/// CONNACK may carry reasons that DISCONNECT, the answer to a failed re-authentication, may not (tables 3-1 and 3-10).
fn as_sent(reason: ReasonCode, purpose: &Purpose) -> ReasonCode {
    use ReasonCode::{
        ConnectionRateExceeded, ImplementationSpecificError, MalformedPacket, PacketTooLarge, PayloadFormatInvalid,
        ProtocolError, QoSNotSupported, QuotaExceeded, RetainNotSupported, ServerBusy, ServerMoved, TopicNameInvalid,
        UnspecifiedError, UseAnotherServer,
    };
    let disconnects = matches!(
        reason,
        UnspecifiedError
            | MalformedPacket
            | ProtocolError
            | ImplementationSpecificError
            | ServerBusy
            | TopicNameInvalid
            | PacketTooLarge
            | QuotaExceeded
            | PayloadFormatInvalid
            | RetainNotSupported
            | QoSNotSupported
            | UseAnotherServer
            | ServerMoved
            | ConnectionRateExceeded
    );
    match purpose {
        Purpose::ReAuthenticate { .. } if !disconnects => ReasonCode::NotAuthorized,
        _ => reason,
    }
}

fn deny(reason: ReasonCode, why: String) -> Verdict {
    Verdict::Deny { reason, why }
}
