//! Scenes: clients that prove who they are, that do not, and of whom it cannot be found out.

use causeway_tests::freeze::freeze;
use causeway_tests::https_server::{Answered, Server};
use causeway_tests::{Broker, Connect, Resources, Settings, Version, fresh};

use crate::door::{self, PASSWORD, ann, knock, login, raw};
use crate::watch::{QUIET, Samples, moved, still, stirred};

fn quiet(resources: &Resources, spec: &str) -> Broker {
    resources.broker(&format!("{QUIET}{spec}"));
    Broker::start(Settings::new().resources(resources))
}

pub fn passwords_right_and_wrong(samples: Samples) {
    let resources = Resources::new();
    door::hang(&resources, &[&door::passwords(&resources)], "");
    let broker = quiet(&resources, "advanced:\n  clients:\n    failedLoginsPerAddress: 1\n");
    still(&broker, samples);
    ann(&broker, &fresh("ann")).quiet();
    stirred(&broker, samples, || {
        let (_, code) = knock(&broker, &login(&fresh("ann"), "ann", "a guess"));
        assert!([0x86, 0x9f].contains(&code), "{code:#04x} to a wrong password");
    });
}

/// A server that knows ann, and is in trouble about everybody else.
pub fn a_server_is_asked(samples: Samples) {
    let server = Server::https(|seen| match seen.body["username"].as_str() {
        Some("ann") => Answered::With(200, "{}".into()),
        _ => Answered::With(503, "{}".into()),
    });
    let resources = Resources::new();
    resources.config_map("server-ca", &[("ca.crt", &server.authority.certificate)]);
    let endpoint = server.endpoint();
    let method = format!("method: Custom\ncustomSettings:\n  endpoint: {endpoint}\n  caCertConfigMap: server-ca\n");
    door::hang(&resources, &[&method], "");
    let broker = quiet(&resources, "");
    still(&broker, samples);
    ann(&broker, &fresh("ann")).quiet();
    assert_eq!(knock(&broker, &login(&fresh("bob"), "bob", PASSWORD)).1, 0x88);
    moved(&broker, samples);
}

/// The thread that judges is held: those who wait for it become too many. That they are gone again does not matter.
pub fn too_many_at_once(samples: Samples) {
    let resources = Resources::new();
    door::hang(&resources, &[&door::passwords(&resources)], "");
    let broker = quiet(&resources, "");
    still(&broker, samples);
    let Some(frozen) = freeze(&broker, "authentication") else { return };
    stirred(&broker, samples, || {
        for _ in 0..100 {
            let mut client = raw(&broker);
            client.send_connect(&Connect::fresh(Version::V5));
            client.vanish();
        }
    });
    assert_eq!(knock(&broker, &login(&fresh("ann"), "ann", PASSWORD)).1, 0x89);
    drop(frozen);
    causeway_tests::eventually("ann is let in", || {
        (knock(&broker, &login(&fresh("ann"), "ann", PASSWORD)).1 == 0).then_some(())
    });
}
