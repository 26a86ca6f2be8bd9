//! TLS configurations of this process: made once for each kind of peer, good as long as the process lives.

use std::sync::Arc;

use rustls::ClientConfig;

use super::super::tls::{self, ServerEnd, Shown};
use super::super::verifier::{Authorities, Expected, PeerVerifier};
use super::super::{InternalError, MemberName, Role, Roles};
use super::Credentials;

impl Credentials {
    /// The accepting end of links, which lets in peers with one of `roles`. Like the ones below it takes no lock and computes
    /// nothing: making one for each connection is as good as keeping one.
    ///
    /// # Errors
    /// The TLS library does not do what links need.
    pub fn server(&self, roles: Roles) -> Result<ServerEnd, InternalError> {
        tls::server_end(self.shown(), self.verifier(roles, None), &self.0.clock)
    }

    /// The dialling end, which accepts peers with one of `roles`. The server's name that rustls asks for is not looked at.
    ///
    /// # Errors
    /// The TLS library does not do what links need.
    pub fn client(&self, roles: Roles) -> Result<Arc<ClientConfig>, InternalError> {
        tls::client(self.shown(), self.verifier(roles, None), &self.0.clock)
    }

    /// The dialling end for one peer: whoever answers has to be `name` in that role. For dialling by an address that may have
    /// become somebody else's.
    ///
    /// # Errors
    /// The TLS library does not do what links need.
    pub fn client_to(&self, role: Role, name: MemberName) -> Result<Arc<ClientConfig>, InternalError> {
        tls::client(self.shown(), self.verifier(Roles::only(role), Some(name)), &self.0.clock)
    }

    /// The same, for a single question.
    ///
    /// # Errors
    /// The TLS library does not do what links need.
    pub fn asker_to(&self, role: Role, name: MemberName) -> Result<Arc<ClientConfig>, InternalError> {
        let mut configuration = (*self.client_to(role, name)?).clone();
        configuration.alpn_protocols = vec![tls::ASK_PROTOCOL.to_vec()];
        Ok(Arc::new(configuration))
    }

    /// How to dial the process that holds the authority once the certificate has ended and nobody makes a link with it any more
    /// (the authority was away for too long). What is asked there is a [`Credentials::return_request`].
    ///
    /// # Errors
    /// The TLS library does not do what links need.
    pub fn return_client(&self) -> Result<Arc<ClientConfig>, InternalError> {
        let expected = Expected::authority_of(&self.0.member.cluster);
        tls::joiner(self.peers(expected), &self.0.provider, &self.0.clock)
    }

    fn shown(&self) -> Arc<Shown> {
        Arc::new(Shown(self.0.shown.clone()))
    }

    fn verifier(&self, roles: Roles, name: Option<MemberName>) -> Arc<PeerVerifier> {
        let expected = Expected { cluster: self.0.member.cluster.clone(), roles, name };
        self.peers(expected)
    }

    fn peers(&self, expected: Expected) -> Arc<PeerVerifier> {
        PeerVerifier::new(Authorities::Trusted(self.0.trust.clone()), expected, &self.0.provider)
    }

    /// Both ends of a process that takes itself for a member of another cluster under the same authority.
    #[cfg(test)]
    pub(crate) fn ends_of(&self, cluster: super::super::ClusterName, roles: Roles) -> (Arc<ClientConfig>, ServerEnd) {
        let peers = self.peers(Expected { cluster, roles, name: None });
        let client = tls::client(self.shown(), peers.clone(), &self.0.clock).expect("a configuration");
        (client, tls::server_end(self.shown(), peers, &self.0.clock).expect("a configuration"))
    }
}
