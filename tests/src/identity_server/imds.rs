//! The instance metadata service of an Azure virtual machine.

use std::sync::Arc;

use super::{Mint, resource};
use crate::https_server::{Answered, Server};

/// Where every virtual machine finds it: in a network of its own, because no machine of ours has this address.
pub const ADDRESS: &str = "169.254.169.254:80";

/// Starts it there.
pub fn imds(mint: &Arc<Mint>) -> Server {
    let mint = Arc::clone(mint);
    Server::http_at(ADDRESS, move |seen| match resource(seen, "2018-02-01") {
        Err(refused) => refused,
        // A proxy would have added it.
        Ok(_) if seen.header("x-forwarded-for").is_some() => Answered::With(400, String::new()),
        Ok(resource) => mint.granted(&resource, ""),
    })
}
