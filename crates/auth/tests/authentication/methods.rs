//! Lists of methods: order, what is kept over a change, certificates.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use auth::authentication::{
    Demand, JwtSettings, MethodKind, MethodSettings, Methods, PasswordFile, PemFile, Purpose, TokenPlace,
    UserPasswordSettings, X509Settings,
};
use mqtt::ReasonCode;

use crate::parts::{
    Answered, Issued, Server, Signer, accepted, anyone, audience_claims, authority, compiled, counters, denied, file,
    issued, judge, keys_of, trusted, with_chain, with_enhanced, with_password,
};

fn passwords() -> MethodSettings {
    let content = PasswordFile::put("", "ann", b"correct horse", None).unwrap().into_bytes();
    MethodSettings::UserPassword(UserPasswordSettings { file: PemFile { name: "users".to_owned(), content } })
}

fn certificates(by: &crate::parts::TestAuthority) -> MethodSettings {
    let authorities = vec![file("ca.pem", &[by])];
    MethodSettings::X509(X509Settings { authorities, revocation_lists: vec![], attributes: BTreeMap::new() })
}

#[tokio::test]
async fn the_first_that_is_relevant_decides() {
    let (root, stranger) = (authority("Root"), authority("Stranger"));
    let chain = |by| Some(vec![issued(&Issued::default(), by).0].into());
    let both = |by| auth::authentication::Credentials { chain: chain(by), ..with_password("ann", "correct horse") };
    let certificate_first = compiled(&[certificates(&root), passwords()]);
    let password_first = compiled(&[passwords(), certificates(&root)]);
    assert_eq!(accepted(judge(&certificate_first, &both(&root)).await).by, MethodKind::X509);
    assert_eq!(accepted(judge(&password_first, &both(&root)).await).by, MethodKind::UserPassword);
    // A bad certificate is not made good by a good password after it.
    denied(judge(&certificate_first, &both(&stranger)).await, "X509: ");
    assert_eq!(accepted(judge(&password_first, &both(&stranger)).await).by, MethodKind::UserPassword);
    // What is not relevant is passed over.
    accepted(judge(&certificate_first, &with_password("ann", "correct horse")).await);
    accepted(judge(&password_first, &with_chain(vec![issued(&Issued::default(), &root).0])).await);
}

#[tokio::test]
async fn who_shows_what_nobody_takes_is_refused_with_the_fitting_reason() {
    let methods = compiled(&[certificates(&authority("Root"))]);
    let none = compiled(&[]);
    for methods in [methods, none] {
        for (credentials, reason) in [
            (anyone(), ReasonCode::NotAuthorized),
            (with_password("ann", "x"), ReasonCode::BadUserNameOrPassword),
            (with_enhanced("SCRAM", "x"), ReasonCode::BadAuthenticationMethod),
        ] {
            assert_eq!(denied(judge(&methods, &credentials).await, "no method"), reason);
        }
    }
}

#[tokio::test]
async fn what_does_not_change_is_kept_with_its_connections() {
    let server = Server::https(|_| Answered::With(200, "{}".to_owned()));
    let custom = MethodSettings::Custom(auth::authentication::CustomSettings {
        endpoint: server.endpoint(),
        https: trusted(&server),
        headers: BTreeMap::new(),
        deadline: std::time::Duration::from_secs(5),
        most_at_once: 4,
    });
    let counters = counters();
    let before =
        Methods::compile(std::slice::from_ref(&custom), None, &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    accepted(judge(&before, &anyone()).await);
    let after = Methods::compile(&[passwords(), custom], Some(&before), &counters)
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    drop(before);
    accepted(judge(&after, &anyone()).await);
    assert_eq!(server.connections(), 1);
}

#[test]
fn every_mistake_is_told_at_once() {
    let broken = |name: &str| {
        let file = PemFile { name: name.to_owned(), content: b"nonsense".to_vec() };
        MethodSettings::UserPassword(UserPasswordSettings { file })
    };
    let errors = Methods::compile(&[broken("a"), passwords(), broken("b")], None, &counters()).err().unwrap();
    let places: Vec<usize> = errors.iter().map(|error| error.method).collect();
    assert_eq!(places, [0, 2]);
}

#[test]
fn a_port_asks_for_certificates_as_its_methods_do() {
    let root = authority("Root");
    assert_eq!(compiled(&[passwords()]).certificates(), None);
    assert_eq!(compiled(&[certificates(&root)]).certificates(), Some(Demand::Required));
    assert_eq!(compiled(&[certificates(&root), passwords()]).certificates(), Some(Demand::Optional));
}

/// A token of the same name does not stand in for what let the client in.
#[tokio::test]
async fn only_the_kind_that_let_a_client_in_renews_it() {
    let signer = Signer::new("ES256", "k1");
    let jwt = MethodSettings::Jwt(JwtSettings {
        issuer: "https://issuer.example".to_owned(),
        audiences: vec!["broker".to_owned()],
        keys: keys_of(&[&signer]),
        leeway: Duration::from_secs(5),
        username: "sub".to_owned(),
        attributes: BTreeMap::new(),
        places: TokenPlace::usual(),
    });
    let methods = compiled(&[jwt]);
    let token = with_enhanced("OAUTH2-JWT", &signer.sign(&audience_claims()));
    let again = |by| Purpose::ReAuthenticate { username: Some("pump-7".into()), by };
    accepted(methods.judge(&token, &again(MethodKind::Jwt), SystemTime::now()).await);
    for by in [MethodKind::Custom, MethodKind::ServiceAccountToken] {
        let verdict = methods.judge(&token, &again(by), SystemTime::now()).await;
        assert_eq!(denied(verdict, "no method"), ReasonCode::NotAuthorized);
    }
}

#[tokio::test]
async fn a_principal_is_what_was_proved() {
    let found = accepted(judge(&compiled(&[passwords()]), &with_password("ann", "correct horse")).await);
    let principal = found.principal("client");
    assert_eq!((&*principal.client_id, principal.username.as_deref()), ("client", Some("ann")));
    let nameless = auth::authentication::Accepted { username: None, ..found };
    assert_eq!(nameless.principal("client").username, None);
}
