//! Which of a port's two checks changes first: that of certificates in the handshake, or that of its rules.
//!
//! Who comes in meanwhile passes one as it was and the other as it will be. Both check whom they let in, so nobody does who may
//! not by either. Who may by both must come in: so a certificate is asked for before there are rules that want one, and until
//! there are none any more.

use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;

/// What judges certificates of clients; `None` does not ask for any.
pub(super) type Verifier = Option<Arc<dyn ClientCertVerifier>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    HandshakeFirst,
    RulesFirst,
}

impl Order {
    /// From `old` to `new`. Where trust changes, rules go first: who is trusted anew fails in the handshake until then, which
    /// is not counted as a failed login.
    pub(super) fn of(old: &Verifier, new: &Verifier) -> Self {
        match old.is_none() || is_same(old, new) {
            true => Self::HandshakeFirst,
            false => Self::RulesFirst,
        }
    }
}

/// Whether certificates of clients are judged by the very same verifier, or by none at all.
pub(super) fn is_same(old: &Verifier, new: &Verifier) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::server::WebPkiClientVerifier;

    use super::{Order, Verifier};

    fn verifier() -> Verifier {
        let certificate = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Some(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
    }

    #[test]
    fn certificates_are_asked_for_before_rules_want_them_and_until_they_do_not() {
        let (one, two) = (&verifier(), &verifier());
        for (old, new, expected) in [
            (&None, &None, Order::HandshakeFirst),
            (&None, one, Order::HandshakeFirst),
            (one, one, Order::HandshakeFirst),
            (one, &None, Order::RulesFirst),
            (one, two, Order::RulesFirst),
        ] {
            assert_eq!(Order::of(old, new), expected);
        }
    }
}
