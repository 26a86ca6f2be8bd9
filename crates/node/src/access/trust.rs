//! Authorities: those in files, or the one here.

use auth::authentication::{HttpsSettings, PemFile};
use config::authentication::{File, SecretFile, TrustBundle};

use super::ground::Ground;

pub(super) fn authorities(asked: &TrustBundle, ground: &Ground) -> Vec<PemFile> {
    match asked {
        TrustBundle::Own => vec![ground.own.clone()],
        TrustBundle::Files(files) => self::files(files),
    }
}

/// For asking a server without showing a certificate to it; without `asked`, whom this machine trusts.
pub(super) fn https(asked: Option<&TrustBundle>, ground: &Ground) -> HttpsSettings {
    HttpsSettings { authorities: asked.map(|asked| authorities(asked, ground)), identity: None }
}

pub(super) fn files(asked: &[File]) -> Vec<PemFile> {
    asked.iter().map(file).collect()
}

pub(super) fn file(asked: &File) -> PemFile {
    PemFile { name: asked.name.clone(), content: asked.content.clone() }
}

pub(super) fn secret_file(asked: &SecretFile) -> PemFile {
    PemFile { name: asked.name.clone(), content: asked.content.reveal().to_vec() }
}
