//! The flags of TLS, and what they amount to.

use std::path::PathBuf;

use clap::Args;
use client::tls::{ALPN_MQTT, Authorities, Identity, TlsOptions, TlsVersions, Verification};

use crate::failure::Failure;

/// TLS: any of these flags turns it on, as do port 8883, mqtts:// and wss://.
#[derive(Debug, Clone, Args)]
pub struct Tls {
    /// Trust the certificates in this PEM file; with causeway on this machine: DATA-DIR/tls/ca.crt
    #[arg(long, value_name = "FILE", help_heading = "TLS (any of these turns it on)")]
    pub cafile: Option<PathBuf>,
    /// Trust the certificates in the PEM files of this folder
    #[arg(long, value_name = "DIR", help_heading = "TLS (any of these turns it on)")]
    pub capath: Option<PathBuf>,
    /// Trust what the operating system trusts; the default without --cafile and --capath
    #[arg(long, help_heading = "TLS (any of these turns it on)")]
    pub tls_use_os_certs: bool,
    /// Client certificate, PEM
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS (any of these turns it on)")]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS (any of these turns it on)")]
    pub key: Option<PathBuf>,
    /// Accept a trusted certificate that names another host
    #[arg(long, help_heading = "TLS (any of these turns it on)")]
    pub insecure: bool,
    /// Accept any certificate, whoever made it: for tests only
    #[arg(long, help_heading = "TLS (any of these turns it on)")]
    pub accept_any_certificate: bool,
    /// Only this version [default: 1.3, or 1.2 if the broker has no other]
    #[arg(long, value_name = "1.2|1.3", help_heading = "TLS (any of these turns it on)")]
    pub tls_version: Option<String>,
    /// Application protocol offered [default: mqtt, with WebSocket http/1.1]
    #[arg(long, value_name = "NAME", help_heading = "TLS (any of these turns it on)")]
    pub tls_alpn: Option<String>,
}

impl Tls {
    /// Whether any of them is given.
    pub(crate) fn is_wanted(&self) -> bool {
        self.cafile.is_some()
            || self.capath.is_some()
            || self.tls_use_os_certs
            || self.cert.is_some()
            || self.insecure
            || self.accept_any_certificate
            || self.tls_version.is_some()
            || self.tls_alpn.is_some()
    }

    /// The settings they describe; `websocket` is the path, if there is one.
    pub(crate) fn options(&self, websocket: Option<&str>) -> Result<TlsOptions, Failure> {
        let mut authorities = Vec::new();
        authorities.extend(self.cafile.clone().map(Authorities::File));
        authorities.extend(self.capath.clone().map(Authorities::Folder));
        if self.tls_use_os_certs {
            authorities.push(Authorities::System);
        }
        let verification = match (self.accept_any_certificate, self.insecure) {
            (true, _) => Verification::Nothing,
            (false, true) => Verification::AnyName,
            (false, false) => Verification::Full,
        };
        let identity = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.clone(), key: key.clone() }),
            _ => None,
        };
        let alpn = if websocket.is_some() { "http/1.1" } else { ALPN_MQTT };
        let alpn = vec![self.tls_alpn.clone().unwrap_or_else(|| alpn.to_owned())];
        Ok(TlsOptions { authorities, verification, identity, alpn, versions: self.versions()? })
    }

    fn versions(&self) -> Result<TlsVersions, Failure> {
        match self.tls_version.as_deref().map(|text| text.trim_start_matches("tlsv")) {
            None => Ok(TlsVersions::Any),
            Some("1.2") => Ok(TlsVersions::Only12),
            Some("1.3") => Ok(TlsVersions::Only13),
            Some(text) => Err(Failure::usage(format!("--tls-version {text}: expected 1.2 or 1.3"))),
        }
    }
}
