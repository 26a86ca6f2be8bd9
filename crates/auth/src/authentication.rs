//! Who is a client? A list of methods is asked in order; the first one that is relevant decides.
//!
//! ```text
//!   CONNECT, AUTH --Request--> Gate --Methods--> Method ... --Judgement--> Verdict --Reply--> the connection
//!                               |                 ServiceAccountToken, X509, Custom, Jwt, UserPassword
//!                      limiter by address
//! ```
//!
//! [`Gate`] does this on a thread of its own, so that neither a slow server nor an expensive hash holds up messages. Whatever
//! asks somebody else has a deadline, a bound on how much is under way, a bound on the answer, and a counter. Secrets are in
//! no log, no error and no `Debug`; what a client is told is a reason code and nothing else.
//!
//! Not here: files, resources, connections. Settings hold the contents of files; who has them sees to it that they are new.

mod counters;
mod credentials;
mod custom;
mod gate;
mod https;
mod judgement;
mod jwt;
mod method;
mod methods;
mod pem;
mod secret;
mod seldom;
mod service_account;
mod turnstile;
mod user_password;
mod x509;

pub use counters::{Counted, Counters};
pub use credentials::{Credentials, Enhanced, Purpose};
pub use custom::CustomSettings;
pub use gate::{Gate, GateSettings, GateThread, LimiterSettings, Reply, Request};
pub use https::{EndpointError, HeaderError, HttpsError, HttpsSettings};
pub use judgement::{Accepted, MethodKind, Verdict};
pub use jwt::{JwtSettings, KeySetError, KeySettings, KeysError, RemoteKeySettings, RemotePlace, TokenPlace};
pub use method::{MethodFault, MethodSettings};
pub use methods::{Admission, Admitted, Methods, MethodsError};
pub use pem::{ClientIdentity, PemError, PemFile};
pub use secret::Secret;
pub use service_account::{ClusterAccess, OfflineSettings, ReviewSettings, ServiceAccountSettings, Verification};
pub use user_password::{PasswordFile, PasswordFileError, UserPasswordSettings};
pub use x509::{AttributeRule, ClientTrust, Demand, SubjectError, TrustError, X509Settings};
