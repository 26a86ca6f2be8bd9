//! What a refusal of a publish means: for now, or for good.

use client::RequestFailed;
use mqtt::ReasonCode;
use mqtt::client::{NotTaken, RequestError};

use crate::ledger::Refusal;

/// Judges why a publish did not arrive. For now are the reasons that pass without the message being another one; every
/// other reason of the server is for good.
pub(crate) fn judge(failed: &RequestFailed) -> Refusal {
    use ReasonCode as R;
    match (failed, failed.reason()) {
        // The server it was made for granted more: it is made anew.
        (RequestFailed::Failed(RequestError::BeyondLimits(R::QoSNotSupported | R::RetainNotSupported)), _) => {
            Refusal::ForNow
        }
        (_, Some(reason)) if is_passing(reason) => Refusal::ForNow,
        (_, Some(_)) | (RequestFailed::NotTaken(NotTaken::Topic(_) | NotTaken::Packet(_)), None) => Refusal::ForGood,
        (RequestFailed::NotTaken(NotTaken::NotConnected), None)
        | (RequestFailed::Failed(RequestError::ConnectionLost | RequestError::SessionLost), None) => Refusal::Unsent,
        _ => Refusal::ForNow,
    }
}

/// Whether a server that ends a connection with this reason may mean a publish on it.
pub(crate) fn blames_publish(reason: ReasonCode) -> bool {
    use ReasonCode as R;
    matches!(
        reason,
        R::MalformedPacket
            | R::ProtocolError
            | R::ImplementationSpecificError
            | R::NotAuthorized
            | R::TopicNameInvalid
            | R::PacketTooLarge
            | R::PayloadFormatInvalid
            | R::RetainNotSupported
            | R::QoSNotSupported
    )
}

fn is_passing(reason: ReasonCode) -> bool {
    use ReasonCode as R;
    matches!(
        reason,
        R::ServerUnavailable
            | R::ServerBusy
            | R::ServerShuttingDown
            | R::PacketIdentifierInUse
            | R::ReceiveMaximumExceeded
            | R::MessageRateTooHigh
            | R::QuotaExceeded
            | R::AdministrativeAction
            | R::ConnectionRateExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: ReasonCode) -> Refusal {
        judge(&RequestFailed::Failed(RequestError::Refused { reason, reason_string: None }))
    }

    fn every_reason() -> impl Iterator<Item = ReasonCode> {
        (0x80..=u8::MAX).filter_map(|byte| ReasonCode::try_from(byte).ok())
    }

    /// In the order of the codes, so that none is forgotten.
    #[test]
    fn reasons_pass_or_stand() {
        use ReasonCode as R;
        let passing: Vec<_> = every_reason().filter(|&reason| refused(reason) == Refusal::ForNow).collect();
        assert_eq!(
            passing,
            [
                R::ServerUnavailable,
                R::ServerBusy,
                R::ServerShuttingDown,
                R::PacketIdentifierInUse,
                R::ReceiveMaximumExceeded,
                R::MessageRateTooHigh,
                R::QuotaExceeded,
                R::AdministrativeAction,
                R::ConnectionRateExceeded,
            ]
        );
        let standing = every_reason().filter(|&reason| refused(reason) == Refusal::ForGood).count();
        assert_eq!(passing.len() + standing, every_reason().count());
        let beyond = RequestError::BeyondLimits(ReasonCode::PacketTooLarge);
        assert_eq!(judge(&beyond.into()), Refusal::ForGood);
        for outdated in [R::RetainNotSupported, R::QoSNotSupported] {
            assert_eq!(judge(&RequestError::BeyondLimits(outdated).into()), Refusal::ForNow, "{outdated:?}");
        }
    }

    /// A server that goes down or is told to close says nothing about a message.
    #[test]
    fn few_reasons_for_an_end_are_about_a_message() {
        use ReasonCode as R;
        let blaming: Vec<_> = every_reason().filter(|&reason| blames_publish(reason)).collect();
        assert_eq!(
            blaming,
            [
                R::MalformedPacket,
                R::ProtocolError,
                R::ImplementationSpecificError,
                R::NotAuthorized,
                R::TopicNameInvalid,
                R::PacketTooLarge,
                R::PayloadFormatInvalid,
                R::RetainNotSupported,
                R::QoSNotSupported,
            ]
        );
    }

    #[test]
    fn what_was_not_sent_was_not_refused() {
        assert_eq!(judge(&RequestError::ConnectionLost.into()), Refusal::Unsent);
        assert_eq!(judge(&RequestError::SessionLost.into()), Refusal::Unsent);
        assert_eq!(judge(&NotTaken::NotConnected.into()), Refusal::Unsent);
        assert_eq!(judge(&NotTaken::Full.into()), Refusal::ForNow);
    }
}
