//! Every listener's certificate: prepared, published, renewed.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

use crate::automatic::{self, Obtained};
use crate::certificate::written;
use crate::leaf::Leaf;
use crate::manual::ManualChain;
use crate::registry::{Origin, Registry, Show};
use crate::renewal::Renewal;
use crate::server_tls::{Configurations, Terms};
use crate::{ApplicationProtocol, Authority, AutomaticSettings, CertificateSource, IdentityError, ServerTls, pem};

/// The certificates of all listeners, and the thread that renews the automatic ones. Ends it when stopped or dropped.
#[derive(Debug)]
pub struct Certificates {
    desk: Arc<Desk>,
    renewal: Renewal,
}

/// A certificate that is ready and that nobody sees yet. Dropped, it leaves everything as it was.
#[derive(Debug)]
pub struct Prepared {
    desk: Arc<Desk>,
    listener: String,
    show: Show,
    configurations: Configurations,
    storing: Storing,
    now: SystemTime,
}

/// How one listener's certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The listener's name.
    pub listener: String,
    /// When the certificate it shows ends.
    pub not_after: SystemTime,
    /// How many times it was renewed since the listener was first published.
    pub renewals: u64,
    /// How many times a certificate could not be made, or not be stored.
    pub failures: u64,
}

/// Whether the folder has the certificate already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storing {
    Done,
    ToDo,
}

/// What callers and the renewal thread share.
///
/// The lock also guards the certificate folders. Held for reading and writing a few small files, never while a key is
/// made; scrapes of the status do not take it.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) authority: Authority,
    registry: Mutex<Registry>,
    /// Told when something is published, as it may be due earlier than all the rest, and at the end.
    pub(crate) changed: Condvar,
    status: ArcSwap<Vec<CertificateStatus>>,
}

impl Certificates {
    /// Takes the authority, and starts the thread that renews.
    ///
    /// A certificate is renewed at its end less `renew_before`, by this machine's clock, which is looked at every minute so
    /// that one that jumps is followed. A renewal that fails is logged, counted and tried again after 1 second, then 2, up to
    /// 10 minutes; the listener goes on with the certificate it has.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(authority: Authority) -> io::Result<Self> {
        let (registry, changed, status) = Default::default();
        let desk = Arc::new(Desk { authority, registry, changed, status });
        let renewal = Renewal::start(desk.clone())?;
        Ok(Self { desk, renewal })
    }

    /// Makes ready what `listener` is to show, and builds the TLS configuration of it, without showing it to anybody.
    ///
    /// An automatic certificate found in its folder is taken if it fits: whole, issued here, of the wanted kind, names and
    /// duration, and not due for renewal. Otherwise a new one is issued, which is stored when it is published. Making an RSA key
    /// of 8192 bits takes seconds to minutes.
    ///
    /// `clients` judges the certificates of clients, who are asked for one; with `None` they are not. With another verifier
    /// than before (by its `Arc`) no session of before is resumed.
    ///
    /// # Errors
    /// Settings out of range, files that cannot be read or written, an authority that has ended; for a manual one, whatever
    /// would make clients refuse it, among it that its time is over.
    pub fn prepare(
        &self,
        listener: &str,
        protocol: ApplicationProtocol,
        source: CertificateSource,
        clients: Option<Arc<dyn ClientCertVerifier>>,
        now: SystemTime,
    ) -> Result<Prepared, IdentityError> {
        let ready = match source {
            CertificateSource::Automatic(settings) => self.desk.automatic(settings, now)?,
            CertificateSource::Manual { name, chain_pem, key_pem } => {
                let key_pem = zeroize::Zeroizing::new(key_pem);
                self.desk.manual(name, &chain_pem, &key_pem, now)?
            }
        };
        let terms = Terms { protocol, clients };
        let configurations = Configurations::new(self.desk.authority.provider(), terms.clone(), ready.certified)?;
        let show = Show { origin: ready.origin, terms, not_after: ready.not_after };
        let (desk, listener) = (self.desk.clone(), listener.to_owned());
        Ok(Prepared { desk, listener, show, configurations, storing: ready.storing, now })
    }

    /// Renews and counts the listener's certificate no more. Its handle goes on with what it has; its folder stays.
    pub fn forget(&self, listener: &str) {
        let mut registry = self.desk.registry();
        registry.forget(listener);
        self.desk.announce(&registry);
    }

    /// Tells how each listener's certificate is, by name. Never waits.
    pub fn status(&self) -> impl Fn() -> Vec<CertificateStatus> + Send + Sync + use<> {
        let desk = self.desk.clone();
        move || desk.status.load().as_ref().clone()
    }

    /// The file with the certificate that clients have to trust, for automatic ones.
    pub fn ca_certificate(&self) -> PathBuf {
        self.desk.authority.ca_certificate().to_owned()
    }

    /// The same certificate, in PEM form: for whoever trusts what it signed.
    pub fn ca_pem(&self) -> String {
        pem::encode("CERTIFICATE", self.desk.authority.certificate())
    }

    /// Ends the renewal thread and waits for it: no longer than one certificate takes to make.
    pub fn stop(self) {
        self.renewal.stop();
    }
}

impl Prepared {
    /// Shows the certificate at every handshake from now on; connections that stand keep what they have. A listener that was
    /// published before gets it through the handle it has, which is also what is returned.
    ///
    /// A new automatic certificate is stored first. Where that fails it is shown all the same, the failure is logged and
    /// counted, and another one is tried to be made and stored soon.
    pub fn publish(self) -> ServerTls {
        let Self { desk, listener, show, configurations, storing, now } = self;
        let mut registry = desk.registry();
        let stored = match (&show.origin, storing) {
            (Origin::Automatic(settings, leaf), Storing::ToDo) => desk.store(settings, leaf),
            _ => Ok(()),
        };
        let tls = registry.publish(&listener, show, configurations);
        if let Err(error) = stored {
            registry.failed(&listener, now);
            tracing::error!(listener, %error, "could not store a certificate; it is in use and lost at the next start");
        }
        desk.announce(&registry);
        desk.changed.notify_all();
        tls
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> SystemTime {
        self.show.not_after
    }
}

/// What every source of a certificate comes to.
struct Ready {
    origin: Origin,
    certified: CertifiedKey,
    not_after: SystemTime,
    storing: Storing,
}

impl Desk {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        // Each change of the registry is whole before the next thing that could panic.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announce(&self, registry: &Registry) {
        self.status.store(Arc::new(registry.status()));
    }

    /// Stores the pair; the caller holds the registry.
    pub(crate) fn store(&self, settings: &AutomaticSettings, leaf: &Leaf) -> Result<(), IdentityError> {
        settings.pair_folder(&self.authority).store(&leaf.key, &leaf.certificate)
    }

    fn automatic(&self, settings: AutomaticSettings, now: SystemTime) -> Result<Ready, IdentityError> {
        settings.check()?;
        let found = {
            let _folders = self.registry();
            settings.pair_folder(&self.authority).open(self.authority.certificate(), self.authority.provider())?
        };
        let (leaf, storing) = match automatic::obtain(&self.authority, &settings, found, now)? {
            Obtained::Kept(leaf) => (leaf, Storing::Done),
            Obtained::Issued(leaf) => (leaf, Storing::ToDo),
        };
        let (certified, not_after) = (leaf.certified(), leaf.not_after);
        Ok(Ready { origin: Origin::Automatic(Arc::new(settings), leaf), certified, not_after, storing })
    }

    fn manual(&self, secret: String, chain: &[u8], key: &[u8], now: SystemTime) -> Result<Ready, IdentityError> {
        let read = ManualChain::read(chain, key, self.authority.provider(), now);
        let chain = match read {
            Ok(chain) => chain,
            Err(problem) => return Err(IdentityError::Manual { secret, problem }),
        };
        for remark in &chain.remarks {
            tracing::warn!(secret, reason = remark, "some clients may refuse a certificate");
        }
        if now < chain.not_before {
            let begin = written(chain.not_before);
            tracing::warn!(secret, begin, "a certificate is not valid yet by this machine's clock");
        }
        let ManualChain { certified, not_after, .. } = chain;
        Ok(Ready { origin: Origin::Manual { secret }, certified, not_after, storing: Storing::Done })
    }
}

#[cfg(test)]
mod tests;
