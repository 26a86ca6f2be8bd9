//! One BrokerAuthorization: its rules, ready for decisions, and what else it says.

use std::sync::Arc;

use super::compiled::{CompiledRules, RuleError};
use super::rules::Rules;

/// Rules under the name of their resource.
#[derive(Debug)]
pub struct Authorization {
    name: Box<str>,
    rules: Rules,
    compiled: Arc<CompiledRules>,
    cache: DecisionCache,
    denied_publish: DeniedPublish,
}

/// Whether decisions are remembered for each connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecisionCache {
    #[default]
    Enabled,
    Disabled,
}

/// What a client of before MQTT 5 gets for a PUBLISH that is denied: its acknowledgement has no code to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeniedPublish {
    /// The usual acknowledgement; the message is dropped (MQTT 3.1.1, MQTT-3.3.5-2).
    #[default]
    Acknowledge,
    /// The end of its connection.
    Disconnect,
}

impl Authorization {
    /// Makes the rules ready.
    ///
    /// # Errors
    /// Everything in them that cannot be, at once.
    pub fn compile(
        name: &str,
        rules: Rules,
        cache: DecisionCache,
        denied_publish: DeniedPublish,
    ) -> Result<Self, Vec<RuleError>> {
        let compiled = Arc::new(CompiledRules::compile(&rules)?);
        Ok(Self { name: name.into(), rules, compiled, cache, denied_publish })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// As they were written.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn compiled(&self) -> &Arc<CompiledRules> {
        &self.compiled
    }

    pub fn cache(&self) -> DecisionCache {
        self.cache
    }

    pub fn denied_publish(&self) -> DeniedPublish {
        self.denied_publish
    }
}
