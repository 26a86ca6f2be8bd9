//! What the admin API tells of clients: who they proved to be, by what, and until when.

use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::token::{Signer, audience_claims, pod_claims};
use causeway_tests::users::user;
use causeway_tests::{Connect, Resources, Version};
use serde_json::{Value, json};

use crate::custom::{self, Scripted, in_seconds};
use crate::guarded::{Guarded, Port, anybody, login};
use crate::{jwt, passwords, service_account, x509};

#[test]
fn who_somebody_is_by_which_method_and_until_when() {
    let (root, signer, scripted) = (TestAuthority::new("Root"), Signer::new("ES256", "k1"), Scripted::start());
    let resources = Resources::new();
    x509::trust(&resources, &[&root]);
    passwords::keep(&resources, &user("ann", "correct horse", &[("site", "north")]));
    let certificates = "method: X509\nx509Settings:\n  authorizationAttributes:\n    pumps: {subject: CN = pump-1, \
                        attributes: {kind: pump}}\n";
    let tokens = jwt::filed(&resources, &[&signer]) + "  attributes: {site: site}\n";
    let accounts = service_account::offline(&resources, &[&signer]);
    let server = custom::method(&resources, &scripted.server);
    let methods = [certificates, &accounts, &tokens, passwords::METHOD, &server];
    let guarded = Guarded::by(resources, Port::Secured, &methods);
    scripted.answers(200, &json!({ "expiry": in_seconds(600), "attributes": { "by": "server" } }).to_string());
    let pair = root.issue(&Issued::named("pump-1"));
    let pod = json!({ "namespace": "shop", "pod": "till-5d9c7f", "serviceAccount": "till" });
    let account = json!("system:serviceaccount:shop:till");
    let of_server = Connect::fresh(Version::V5).user("whoever").enhanced("OURS", "abc");
    let clients = [
        (guarded.admitted_with(&pair, &anybody(Version::V311)), "X509", json!("pump-1"), json!({ "kind": "pump" })),
        (
            guarded.admitted(&service_account::shown(&signer.sign(&pod_claims())).user("admin")),
            "ServiceAccountToken",
            account,
            pod,
        ),
        (
            guarded.admitted(&login(Version::V311, "admin", &signer.sign(&audience_claims()))),
            "Jwt",
            json!("pump-7"),
            json!({ "site": "north" }),
        ),
        (
            guarded.admitted(&login(Version::V5, "ann", "correct horse")),
            "UserPassword",
            json!("ann"),
            json!({ "site": "north" }),
        ),
        (guarded.admitted(&of_server), "Custom", json!("whoever"), json!({ "by": "server" })),
    ];
    for (client, by, username, attributes) in &clients {
        let shown = guarded.api(&format!("clients/{}", client.id));
        assert_eq!(
            (&shown["authenticatedBy"], &shown["username"], &shown["attributes"]),
            (&json!(by), username, attributes),
            "{shown}"
        );
        // A password lasts.
        assert_eq!(shown["credentialsExpireAt"] == Value::Null, *by == "UserPassword", "{shown}");
        let counted = guarded.metric("causeway_authentication_accepted_total", &format!("\"{by}\""));
        assert_eq!(counted, Some(1.0), "{by}");
    }
    let open = Guarded::start(Resources::new(), Port::Plain, "protocol: Mqtt");
    let anybody = open.admitted(&anybody(Version::V5).user("admin"));
    let shown = open.api(&format!("clients/{}", anybody.id));
    assert_eq!((&shown["authenticatedBy"], &shown["username"]), (&Value::Null, &json!("admin")), "{shown}");
    assert_eq!((&shown["attributes"], &shown["credentialsExpireAt"]), (&json!({}), &Value::Null), "{shown}");
}
