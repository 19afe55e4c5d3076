//! An authority that signs certificates for the services of one shop.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

/// An authority, with its certificate and those that it signs as files in a folder.
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one that keeps its files in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
        let all = Self { folder: folder.to_owned(), issuer };
        std::fs::write(all.certificate(), all.issuer.pem()).expect("the folder can be written");
        all
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A certificate for this name and the key to it, in PEM.
    pub fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        let [certificate_file, key_file] = ["pem", "key"].map(|end| self.folder.join(format!("{name}.{end}")));
        std::fs::write(&certificate_file, certificate.pem()).expect("the folder can be written");
        std::fs::write(&key_file, key.serialize_pem()).expect("the folder can be written");
        (certificate_file, key_file)
    }

    /// Settings of a process that shows a certificate for this name.
    pub fn signed(&self, name: &str) -> [(String, PathBuf); 3] {
        let (certificate, key) = self.sign(name);
        [("CERTIFICATE", certificate), ("KEY", key), ("AUTHORITY", self.certificate())]
            .map(|(what, file)| (format!("COMMERCE_SERVICES__TLS_{what}"), file))
    }
}
