//! Tokens as Kubernetes and other issuers sign them, and the sets that publish the keys.
//!
//! Signed without the library that checks them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa::KeySize};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

/// Who signs.
pub struct Signer {
    pub key_id: String,
    pub algorithm: &'static str,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl Signer {
    pub fn new(algorithm: &'static str, key_id: &str) -> Self {
        let key = match algorithm {
            "ES256" => Key::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")),
            "ES384" => Key::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key")),
            "EdDSA" => Key::Ed(Ed25519KeyPair::generate().expect("a key")),
            _ => Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")),
        };
        Signer { key_id: key_id.to_owned(), algorithm, key }
    }

    pub fn secret(algorithm: &'static str, secret: &[u8]) -> Self {
        Signer { key_id: "secret".to_owned(), algorithm, key: Key::Secret(secret.to_vec()) }
    }

    /// The public key as a set publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                );
                json!({ "kty": "RSA", "n": BASE64.encode(n), "e": BASE64.encode(e) })
            }
            Key::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at((pair.public_key().as_ref().len() - 1) / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": BASE64.encode(x), "y": BASE64.encode(y) })
            }
            Key::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key()) }),
            Key::Secret(secret) => json!({ "kty": "oct", "k": BASE64.encode(secret) }),
        };
        jwk["kid"] = json!(self.key_id);
        jwk["use"] = json!("sig");
        jwk
    }

    /// What an issuer publishes that signs with these.
    pub fn set(signers: &[&Self]) -> String {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        json!({ "keys": keys }).to_string()
    }

    /// An RSA key as somebody would misuse it as a secret; panics for others.
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.key {
            Key::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            _ => panic!("{} is not RSA", self.algorithm),
        }
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": self.algorithm, "kid": self.key_id }), claims)
    }

    /// Signs with the algorithm of the signer, whatever the header says.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", BASE64.encode(signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match self.algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Key::Ec(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Key::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Secret(secret) => {
                let algorithm = match self.algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(algorithm, secret), message).as_ref().to_vec()
            }
        }
    }
}

pub fn now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// The claims of a token that an issuer gives to a machine.
pub fn audience_claims() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": ["other", "broker"], "sub": "pump-7",
        "iat": now_seconds(), "nbf": now_seconds(), "exp": now_seconds() + 3600,
        "site": "north", "https://example.com/role": "writer",
    })
}

/// The claims of a token that Kubernetes gives a pod through a projected volume.
pub fn pod_claims() -> Value {
    json!({
        "aud": ["aio-internal"], "exp": now_seconds() + 3607, "iat": now_seconds(), "nbf": now_seconds(),
        "iss": "https://kubernetes.default.svc.cluster.local", "jti": "9d3b7a0e-1d5c-4d0e-9f3a-9b8f7c6d5e4f",
        "kubernetes.io": {
            "namespace": "shop",
            "node": { "name": "worker-1", "uid": "b0f7a3de-6a8f-4c43-9d7b-0d5a1f5a2b11" },
            "pod": { "name": "till-5d9c7f", "uid": "5f1f0a3c-8f5a-4b62-8c83-9d2b7a0e1d5c" },
            "serviceaccount": { "name": "till", "uid": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" },
            "warnafter": now_seconds() + 3607,
        },
        "sub": "system:serviceaccount:shop:till",
    })
}

/// The same claims with another value at this pointer, as `/kubernetes.io/namespace`.
pub fn with(mut claims: Value, pointer: &str, value: Value) -> Value {
    let (place, name) = pointer.rsplit_once('/').expect("a pointer begins with /");
    claims.pointer_mut(place).expect("a place in the claims")[name] = value;
    claims
}
