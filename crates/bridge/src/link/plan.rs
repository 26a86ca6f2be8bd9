//! What a link is made from.

use std::sync::Arc;

use crate::counters::Counters;
use crate::credentials::Keeper;
use crate::endpoint::Endpoint;

/// What a link is for.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Source {
        filters: Vec<String>,
        /// Filters of earlier, to be unsubscribed from.
        forget: Vec<String>,
    },
    Destination,
}

/// Everything that is settled before a link begins.
pub(crate) struct Plan {
    pub endpoint: Arc<Endpoint>,
    pub client_id: String,
    pub role: Role,
    pub keeper: Keeper,
    pub counters: Arc<Counters>,
}
