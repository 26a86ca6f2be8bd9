//! What the authority must not forget: written as a whole, before anybody hears of it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::super::record::{Reader, Writer};
use super::super::{AuthorityPhase, AuthoritySettings, ClusterName, InternalError, TrustedRoots};
use super::issuer::Issuing;

const VERSION: u8 = 1;

#[derive(Debug, Clone)]
pub(crate) struct State {
    /// Published; holds the certificates of everybody below.
    pub(crate) roots: TrustedRoots,
    pub(crate) issuing: Issuing,
    pub(crate) announced: Option<Announced>,
    pub(crate) outgoing: Option<Outgoing>,
}

/// What the authority goes by at present.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) state: State,
    pub(crate) settings: AuthoritySettings,
}

impl Published {
    pub(crate) fn phase(&self) -> AuthorityPhase {
        match (&self.state.announced, &self.state.outgoing) {
            (Some(announced), _) => AuthorityPhase::Announced { issues: announced.issues_from },
            (None, Some(outgoing)) => AuthorityPhase::Overlap { until: outgoing.until },
            (None, None) => {
                let issuing = &self.state.issuing;
                let before = self.settings.rotate_before(issuing.longest_leaf());
                let rotation = issuing.not_after().checked_sub(before).unwrap_or(SystemTime::UNIX_EPOCH);
                AuthorityPhase::Alone { rotation }
            }
        }
    }

    pub(crate) fn next_step(&self) -> SystemTime {
        match self.phase() {
            AuthorityPhase::Alone { rotation: at }
            | AuthorityPhase::Announced { issues: at }
            | AuthorityPhase::Overlap { until: at } => at,
        }
    }
}

/// A successor that is trusted already.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) issuing: Issuing,
    pub(crate) issues_from: SystemTime,
}

/// A predecessor that is trusted still. Its key is gone.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) until: SystemTime,
}

impl State {
    pub(crate) fn is_rotating(&self) -> bool {
        self.announced.is_some() || self.outgoing.is_some()
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut record = Writer::new(VERSION);
        record.bytes(&self.roots.to_bytes());
        write_issuing(&mut record, &self.issuing);
        record.byte(u8::from(self.announced.is_some()));
        if let Some(announced) = &self.announced {
            write_issuing(&mut record, &announced.issuing);
            record.moment(announced.issues_from);
        }
        record.byte(u8::from(self.outgoing.is_some()));
        if let Some(outgoing) = &self.outgoing {
            record.bytes(&outgoing.certificate);
            record.moment(outgoing.until);
        }
        record.finish()
    }

    /// # Errors
    /// The file is damaged or belongs to another cluster.
    pub(crate) fn read(file: &Path, bytes: &[u8], cluster: &ClusterName) -> Result<Self, InternalError> {
        let remedy = "delete it to get a new authority (every process has to join anew then)";
        let damaged =
            |e: InternalError| InternalError::Damaged { path: file.to_owned(), reason: e.to_string(), remedy };
        let state = Self::parse(bytes).map_err(damaged)?;
        if state.roots.cluster() != cluster {
            let (found, expected) = (state.roots.cluster().to_string(), cluster.to_string());
            return Err(InternalError::OtherCluster { path: file.to_owned(), found, expected });
        }
        Ok(state)
    }

    fn parse(bytes: &[u8]) -> Result<Self, InternalError> {
        let mut record = Reader::new("the internal authority", bytes, VERSION)?;
        let roots = TrustedRoots::from_bytes(record.bytes()?)?;
        let issuing = read_issuing(&mut record)?;
        let mut announced = None;
        for _ in 0..record.count(1)? {
            announced = Some(Announced { issuing: read_issuing(&mut record)?, issues_from: record.moment()? });
        }
        let mut outgoing = None;
        for _ in 0..record.count(1)? {
            let certificate = CertificateDer::from(record.bytes()?.to_vec());
            outgoing = Some(Outgoing { certificate, until: record.moment()? });
        }
        record.finish()?;
        Ok(Self { roots, issuing, announced, outgoing })
    }
}

fn write_issuing(record: &mut Writer, issuing: &Issuing) {
    let (certificate, key) = issuing.signer();
    record.bytes(certificate);
    record.bytes(key.serialized_der());
    record.number(u64::try_from(issuing.longest_leaf().as_millis()).unwrap_or(u64::MAX));
}

fn read_issuing(record: &mut Reader<'_>) -> Result<Issuing, InternalError> {
    let (certificate, key) = (record.bytes()?, record.bytes()?);
    Issuing::read(certificate, key, Duration::from_millis(record.number()?))
}
