//! Asking servers: requests over HTTPS with a trust and an identity of their own, and answers of bounded size.

mod client;
mod endpoint;
mod headers;

pub(crate) use client::{HttpsClient, SendError};
pub use client::{HttpsError, HttpsSettings};
pub use endpoint::EndpointError;
pub(crate) use endpoint::{Endpoint, Schemes};
pub use headers::HeaderError;
pub(crate) use headers::Headers;
