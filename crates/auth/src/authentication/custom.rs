//! The method Custom: a server of the user's own decides, asked over HTTPS in the protocol 0.5.0.
//!
//! | answer | what becomes of the client |
//! |---|---|
//! | 200 with a readable body | accepted, with its attributes, until its expiry |
//! | 403 | refused with the reason of the body, or 0x87 |
//! | 422 | asked once more, in a version from the list that we speak |
//! | 429, 5xx, none in time, no connection | the next method; if there is none that is relevant, 0x88: try again later |
//! | anything else, 400, 404 and 405 among it | refused with 0x87: the server is there, and did not accept |

mod answer;
mod form;
mod method;

pub(crate) use method::Custom;
pub use method::CustomSettings;
