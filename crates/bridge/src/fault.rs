//! What kind of thing a failure of a connection is, and the reason codes for that.

use mqtt::ReasonCode;

use crate::failure::Step;

/// What is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Connection,
    Configuration,
    Authentication,
    Subscription,
}

/// Reason codes of one side. `AuthenticationFailed` is ours: the model has no code for it.
pub(crate) struct Codes {
    pub connection: &'static str,
    pub configuration: &'static str,
    pub authentication: &'static str,
    pub subscription: &'static str,
}

pub(crate) const SOURCE: Codes = Codes {
    connection: "DataflowMqttSourceConnectionFailed",
    configuration: "DataflowMqttSourceConfigurationError",
    authentication: "DataflowMqttSourceAuthenticationFailed",
    subscription: "DataflowMqttSourceSubscriptionFailed",
};

pub(crate) const TARGET: Codes = Codes {
    connection: "DataflowMqttTargetConnectionFailed",
    configuration: "DataflowMqttTargetConfigurationError",
    authentication: "DataflowMqttTargetAuthenticationFailed",
    // Nothing is subscribed to there.
    subscription: "DataflowMqttTargetConnectionFailed",
};

impl Fault {
    pub const ALL: [Self; 4] = [Self::Connection, Self::Configuration, Self::Authentication, Self::Subscription];

    /// Of a failure at `step`, of which the server has said `code`.
    pub fn of(step: Step, code: Option<ReasonCode>) -> Self {
        use ReasonCode as R;
        match (step, code) {
            (Step::Token | Step::Reauthenticate, _) => Self::Authentication,
            (Step::Subscribe, _) => Self::Subscription,
            (_, Some(R::BadUserNameOrPassword | R::NotAuthorized | R::BadAuthenticationMethod | R::Banned)) => {
                Self::Authentication
            }
            (Step::Connect, Some(R::UnsupportedProtocolVersion | R::ClientIdentifierNotValid | R::ProtocolError)) => {
                Self::Configuration
            }
            _ => Self::Connection,
        }
    }
}

impl Codes {
    pub fn of(&self, fault: Fault) -> &'static str {
        match fault {
            Fault::Connection => self.connection,
            Fault::Configuration => self.configuration,
            Fault::Authentication => self.authentication,
            Fault::Subscription => self.subscription,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the step: the server has said it.
    #[test]
    fn who_is_not_welcome_has_an_authentication_to_repair() {
        use ReasonCode as R;
        for reason in [R::BadUserNameOrPassword, R::NotAuthorized, R::BadAuthenticationMethod, R::Banned] {
            for step in [Step::Connect, Step::Connection] {
                assert_eq!(Fault::of(step, Some(reason)), Fault::Authentication, "{step:?} {reason:?}");
            }
        }
        for reason in [R::UnsupportedProtocolVersion, R::ClientIdentifierNotValid, R::ProtocolError] {
            assert_eq!(Fault::of(Step::Connect, Some(reason)), Fault::Configuration, "{reason:?}");
            assert_eq!(Fault::of(Step::Connection, Some(reason)), Fault::Connection, "{reason:?}");
        }
    }
}
