//! Authorities, revocation lists, keys, passwords and rules are replaced while clients publish: who is entitled stays, and
//! no message is lost.

use std::sync::Arc;

use causeway_tests::crowd::{Collector, Crowd};
use causeway_tests::deadline::{eventually, patience, within};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::{Issued, ListEnd};
use causeway_tests::token::{Signer, audience_claims, pod_claims, with};
use causeway_tests::users::user;
use causeway_tests::{Client, Connect, Resources, Version, both, fresh, http};
use serde_json::json;

use crate::guarded::{Guarded, Port, login};
use crate::{jwt, passwords, service_account, x509};

/// Of each kind: certificates, passwords, tokens of an issuer, tokens of a cluster.
const EACH: usize = 50;
const ROUNDS: usize = 3;

/// Everything that says who may come in, in the state of one round. The crowd's authority and password stay, since who has
/// lost them is not entitled any more; tokens hold until they end.
struct Keys {
    /// The crowd's.
    authority: Arc<TestAuthority>,
    /// Of this round alone.
    guests: TestAuthority,
    issuer: Signer,
    cluster: Signer,
    /// The guest's of this round.
    password: String,
    round: usize,
}

const PASSWORD: &str = "correct horse";

impl Keys {
    fn new(round: usize, authority: Arc<TestAuthority>) -> Self {
        let id = format!("key-{round}");
        Keys {
            authority,
            guests: TestAuthority::new(&format!("Guests {round}")),
            issuer: Signer::new("ES256", &id),
            cluster: Signer::new("ES256", &id),
            password: format!("battery staple {round}"),
            round,
        }
    }

    fn authorities(&self, resources: &Resources) {
        x509::trust(resources, &[&self.guests, &self.authority]);
    }

    fn revoked(&self, resources: &Resources) {
        let list = self.authority.revocation_list(&[1, 100 + self.round as u64], ListEnd::Ahead);
        resources.config_map("revoked", &[("plant.crl", &list)]);
    }

    fn published(&self, resources: &Resources) {
        let [issuer, cluster] = [&self.issuer, &self.cluster].map(|signer| Signer::set(&[signer]));
        resources.config_map("issuer-keys", &[("jwks.json", &issuer)]);
        resources.config_map("cluster-keys", &[("jwks.json", &cluster)]);
    }

    fn passwords(&self, resources: &Resources) {
        let round = self.round.to_string();
        passwords::keep(
            resources,
            &(user("guest", &self.password, &[]) + &user("ann", PASSWORD, &[("round", &round)])),
        );
    }

    /// Each time in other words.
    fn rules(&self, resources: &Resources) {
        let round = self.round;
        resources.authorization(
            "rules",
            &format!(
                "rules:\n- principals: {{usernames: [ann, guest, pump-7, \"{}\"], attributes: [{{plant: \"7\"}}]}}\n  \
                 brokerResources:\n  - {{method: Connect}}\n  - {{method: Publish, topics: [\"round/{round}\", \"live/+\"]}}\n  \
                 - {{method: Subscribe, topics: [\"round/{round}\", \"live/#\"]}}\n",
                "system:serviceaccount:shop:till"
            ),
        );
    }

    fn all(&self, resources: &Resources) {
        self.authorities(resources);
        self.revoked(resources);
        self.published(resources);
        self.passwords(resources);
        self.rules(resources);
    }

    /// A client of the crowd by a certificate, by the password, and by each kind of token; panics unless let in.
    fn crowd(&self, guarded: &Guarded, version: Version) -> [Client; 4] {
        let pair = self.authority.issue(&Issued::named("pump"));
        [
            guarded.admitted_with(&pair, &Connect::fresh(version)),
            guarded.admitted(&login(version, "ann", PASSWORD)),
            guarded.admitted(&login(version, "whoever", &self.issuer.sign(&audience_claims()))),
            guarded.admitted(&service_account::shown(&self.cluster.sign(&pod_claims()))),
        ]
    }

    /// Who is let in for this round only, by certificate and by password.
    fn guests(&self, guarded: &Guarded) -> [Client; 2] {
        let pair = self.guests.issue(&Issued::named("pump"));
        [
            guarded.admitted_with(&pair, &Connect::fresh(Version::V5)),
            guarded.admitted(&login(Version::V5, "guest", &self.password)),
        ]
    }
}

/// A port for all of them.
fn open(keys: &Keys) -> Guarded {
    let resources = Resources::new();
    keys.all(&resources);
    let certificates = "method: X509\nx509Settings:\n  crlConfigMap: revoked\n  authorizationAttributes:\n    pumps: \
                        {subject: CN = pump, attributes: {plant: \"7\"}}\n";
    let tokens = jwt::method("  jwksConfigMap: issuer-keys\n", "");
    let cluster = service_account::offline(&resources, &[&keys.cluster]);
    resources.authentication("guard", &[certificates, &cluster, &tokens, passwords::METHOD]);
    // Traces of so many messages would be larger than all the rest.
    resources.broker("advanced:\n  clients:\n    failedLoginsPerAddress: 0\ndiagnostics:\n  logs:\n    level: debug\n");
    Guarded::start(resources, Port::Secured, "authenticationRef: guard\n  authorizationRef: rules")
}

#[test]
fn two_hundred_clients_publish_while_everything_is_replaced() {
    let mut keys = Keys::new(0, Arc::new(TestAuthority::new("Root")));
    let guarded = open(&keys);
    let persistent = Connect::persistent(Version::V5, "collector");
    let mut subscriber = guarded.admitted(&persistent.user("ann").password(PASSWORD.as_bytes()));
    subscriber.subscribe("live/#", 1);
    let collector = Collector::start(subscriber);
    let clients = (0..EACH).flat_map(|number| keys.crowd(&guarded, [Version::V311, Version::V5][number % 2]));
    let crowd = Crowd::start(clients.collect());

    let goes_on = |what: &str| {
        let before = crowd.acknowledged();
        within(patience(), &format!("messages are acknowledged after {what}"), || {
            (crowd.acknowledged() >= before + 4 * EACH).then_some(())
        });
    };
    for round in 1..=ROUNDS {
        let mut guests = keys.guests(&guarded);
        let next = Keys::new(round, Arc::clone(&keys.authority));
        let old = std::mem::replace(&mut keys, next);
        for (what, write) in [
            ("another revocation list", Keys::revoked as fn(&Keys, &Resources)),
            ("other keys", Keys::published),
            ("other rules", Keys::rules),
            ("other authorities", Keys::authorities),
            ("other passwords", Keys::passwords),
        ] {
            guarded.apply(|resources| write(&keys, resources));
            goes_on(what);
        }
        // Guests had to go; who comes with what holds now is let in, and with what held before is not.
        guests.iter_mut().for_each(|guest| drop(guest.expect_disconnect(0x87)));
        keys.crowd(&guarded, Version::V5).iter_mut().for_each(Client::quiet);
        let stale = [
            login(Version::V5, "guest", &old.password),
            jwt::shown(&old.issuer.sign(&audience_claims())),
            service_account::shown(&old.cluster.sign(&pod_claims())),
        ];
        stale.iter().zip([0x86, 0x87, 0x87]).for_each(|(connect, code)| guarded.refused(connect, code));
    }
    let acknowledged = crowd.end();
    assert!(acknowledged.len() > EACH * 4 * ROUNDS, "{} acknowledged", acknowledged.len());
    eventually("everything is queued for nobody", || (http::queued(guarded.broker.admin())? == 0).then_some(()));
    let (subscriber, seen) = collector.end();
    let lost: Vec<_> = acknowledged.difference(&seen).take(10).collect();
    assert!(lost.is_empty(), "of {} acknowledged, these never arrived: {lost:?}", acknowledged.len());
    subscriber.disconnect();
}

both! {
    /// The files may change in any order, a step at a time, as long as nobody is entitled to less.
    fn an_overlap_lets_everybody_in_all_the_time(version) {
        let (first, second) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k2"));
        let resources = Resources::new();
        let method = jwt::filed(&resources, &[&first]);
        let guarded = Guarded::by(resources, Port::Plain, &[&method]);
        let knock = |signer: &Signer| {
            let token = signer.sign(&with(audience_claims(), "/sub", json!(fresh("pump"))));
            guarded.knock(&login(version, "whoever", &token)).1.code
        };
        assert_eq!(knock(&first), 0);
        guarded.apply(|resources| drop(jwt::filed(resources, &[&first, &second])));
        assert_eq!((knock(&first), knock(&second)), (0, 0));
        guarded.apply(|resources| drop(jwt::filed(resources, &[&second])));
        assert_ne!(knock(&first), 0);
        assert_eq!(knock(&second), 0);
    }
}
