//! Who may come in at a port, what they may do there, and how often one address may fail.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use causeway_tests::deadline::eventually;
use causeway_tests::users::user;
use causeway_tests::{Broker, Client, Connect, Publish, Resources, Settings, bound, errand};

use super::served::{Served, V, refused, refused_broker};

const WRONG: u8 = 0x86;
const LIMITED: u8 = 0x9f;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The method for a Secret with these users, each with a password of its own.
fn users(resources: &Resources, secret: &str, names: &[&str]) -> String {
    let lines: String = names.iter().map(|name| user(name, &password(name), &[])).collect();
    resources.secret(secret, &[("users", lines.as_bytes())]);
    format!("method: UserPassword\nuserPasswordSettings:\n  passwordSecretRef: {secret}\n")
}

fn password(name: &str) -> String {
    format!("{name}'s own password")
}

fn login(name: &str) -> Connect {
    Connect::fresh(V).user(name).password(password(name).as_bytes())
}

/// The port with these references.
fn plant(resources: &Resources, references: &str) {
    resources.listener("plant", &format!("ports:\n- port: 0\n{references}"));
}

/// BrokerAuthentications `staff`, of ann and bob, and `guests`, of cy; the port is anybody's.
fn open() -> Served {
    let resources = Resources::new();
    resources.authentication("staff", &[&users(&resources, "staff", &["ann", "bob"])]);
    resources.authentication("guests", &[&users(&resources, "guests", &["cy"])]);
    plant(&resources, "");
    Served::from(resources, Settings::new().mqtt("off"))
}

fn knock(from: IpAddr, to: SocketAddr, connect: &Connect) -> (Client, u8) {
    let mut client = Client::over(Box::new(bound::tcp(from, to)), V);
    let code = client.connect(connect).code;
    (client, code)
}

impl Served {
    fn enter(&self, connect: &Connect) -> (Client, u8) {
        knock(HERE, self.address("plant/0"), connect)
    }

    fn admitted(&self, connect: &Connect) -> Client {
        let (client, code) = self.enter(connect);
        assert_eq!(code, 0, "{:?}", connect.user);
        client
    }
}

/// Neither `check` nor a start takes a reference of that sort; a broker that runs stays as it is.
fn dangles(served: &Served, references: &str, told: &[&str]) {
    let line = refused(|resources| plant(resources, references));
    let resources = Resources::new();
    plant(&resources, references);
    let Err(failure) = Broker::try_start(Settings::new().resources(&resources)) else {
        panic!("{references} is taken")
    };
    assert_eq!(failure.status.code(), Some(2), "{}", failure.output);
    for part in told {
        assert!(line.contains(part), "{part}: {line}");
        assert!(failure.output.contains(part), "{part}: {}", failure.output);
    }
    plant(&served.resources, references);
    served.broker.signal(libc::SIGHUP);
    let rejected = || served.metric("causeway_configuration_rejected", "") == Some(1.0);
    eventually("the change is refused", || rejected().then_some(()));
    let health = served.health().to_string();
    assert!(health.contains(told[0]), "{health}");
}

#[test]
pub fn authentication_ref() {
    let served = open();
    let port = || served.api("listeners").to_string();
    let mut anybody = served.admitted(&Connect::fresh(V));
    let mut early = served.admitted(&login("ann"));
    assert!(!port().contains("staff"), "{}", port());

    served.apply(|resources| plant(resources, "  authenticationRef: staff\n"));
    assert!(port().contains("staff"), "{}", port());
    // Whoever came in without it has proved nothing.
    anybody.expect_disconnect(0x87);
    early.expect_disconnect(0x87);
    let mut ann = served.admitted(&login("ann"));
    assert_eq!(served.api(&format!("clients/{}", ann.id))["authenticatedBy"], "UserPassword");
    assert_eq!(served.enter(&Connect::fresh(V)).1, 0x87);
    assert_eq!(served.enter(&login("cy")).1, WRONG);
    assert_eq!(served.enter(&login("ann").password(b"bob's own password")).1, WRONG);

    // A reference to nothing changes nothing.
    let told = ["spec.ports[0].authenticationRef", "\"nobody\"", "no BrokerAuthentication of this name"];
    dangles(&served, "  authenticationRef: nobody\n", &told);
    ann.quiet();
    served.admitted(&login("bob")).quiet();

    // Another one: who is not known to it goes.
    served.apply(|resources| plant(resources, "  authenticationRef: guests\n"));
    ann.expect_disconnect(0x87);
    assert_eq!(served.enter(&login("ann")).1, WRONG);
    let mut cy = served.admitted(&login("cy"));
    served.apply(|resources| plant(resources, ""));
    cy.quiet();
    served.admitted(&Connect::fresh(V)).quiet();
}

const MAY: &str = "rules:\n- principals: {usernames: [ann]}\n  brokerResources:\n  - {method: Connect}\n  \
                   - {method: Publish, topics: [\"TOPIC/#\"]}\n";

#[test]
pub fn authorization_ref() {
    let served = open();
    served.resources.authorization("north", &MAY.replace("TOPIC", "north"));
    served.resources.authorization("south", &MAY.replace("TOPIC", "south"));
    let guarded = "  authenticationRef: staff\n";
    served.apply(|resources| plant(resources, guarded));
    let mut ann = served.admitted(&login("ann"));
    let mut bob = served.admitted(&login("bob"));
    let reasons = |client: &mut Client| {
        ["north/a", "south/a"].map(|topic| client.publish(Publish::new(topic, "x").qos(1)) >= 0x80)
    };
    // Without one, who is in may do what he likes.
    assert_eq!((reasons(&mut ann), reasons(&mut bob)), ([false, false], [false, false]));

    served.apply(|resources| plant(resources, &format!("{guarded}  authorizationRef: north\n")));
    bob.expect_disconnect(0x87);
    assert_eq!(served.enter(&login("bob")).1, 0x87);
    assert_eq!(reasons(&mut ann), [false, true]);
    assert!(served.api("listeners").to_string().contains("north"));
    served.apply(|resources| plant(resources, &format!("{guarded}  authorizationRef: south\n")));
    assert_eq!(reasons(&mut ann), [true, false]);

    let told = ["spec.ports[0].authorizationRef", "\"nobody\"", "no BrokerAuthorization of this name"];
    dangles(&served, &format!("{guarded}  authorizationRef: nobody\n"), &told);
    assert_eq!(reasons(&mut ann), [true, false]);
    // Nor is there anybody to whom rules could apply, where nobody proves who he is.
    let told = ["spec.ports[0].authorizationRef", "needs authenticationRef"];
    dangles(&served, "  authorizationRef: south\n", &told);

    served.apply(|resources| plant(resources, guarded));
    assert_eq!(reasons(&mut ann), [false, false]);
    served.admitted(&login("bob")).quiet();
}

fn limit(logins: u32) -> String {
    format!("advanced:\n  clients:\n    failedLoginsPerAddress: {logins}\n")
}

/// A broker with that many failures for each address, at a port for ann and bob.
fn limited(spec: &str) -> Served {
    let served = Resources::new();
    served.authentication("staff", &[&users(&served, "staff", &["ann", "bob"])]);
    served.broker(spec);
    plant(&served, "  authenticationRef: staff\n");
    Served::from(served, Settings::new().mqtt("off"))
}

/// How many wrong passwords in a row are looked at, of so many at most, and the seconds that gives back as many.
fn looked_at(served: &Served, from: IpAddr, most: u32) -> (u32, u32) {
    let (to, wrong) = (served.address("plant/0"), login("ann").password(b"a guess"));
    let start = std::time::Instant::now();
    let seconds = || u32::try_from(start.elapsed().as_secs()).expect("a short while");
    for count in 0..most {
        match knock(from, to, &wrong).1 {
            WRONG => {}
            LIMITED => return (count, seconds()),
            other => panic!("{other:#04x} to a wrong password"),
        }
    }
    (most, seconds())
}

#[test]
pub fn failed_logins_per_address() {
    for (spec, logins) in [(limit(3), 3), (limit(25), 25), ("{}".to_string(), 10)] {
        let served = limited(&spec);
        let refused = |reason: &str| served.metric("causeway_authentication_refused_total", reason);
        let (count, seconds) = looked_at(&served, HERE, 10_000);
        // So many at once, the one that is too many, and one back every second meanwhile.
        assert!(
            (logins + 1..=logins + 2 + 2 * seconds).contains(&count),
            "{count} in {seconds} s where {logins} may fail"
        );
        assert_eq!((refused("limited"), refused("denied")), (Some(1.0), Some(f64::from(count))));

        // While it lasts, the right password of another is not looked at either; elsewhere nobody notices.
        let to = served.address("plant/0");
        eventually("a right password is refused unseen", || {
            looked_at(&served, HERE, 10_000);
            (knock(HERE, to, &login("bob")).1 == LIMITED).then_some(())
        });
        assert_eq!(knock([127, 0, 0, 2].into(), to, &login("bob")).1, 0);
        // And it is over at last.
        eventually("the right password is looked at", || (knock(HERE, to, &login("bob")).1 == 0).then_some(()));
    }
    let usual = errand::explain::<&str>(&[]);
    let usual =
        usual.iter().find(|line| line.path == "Broker advanced.clients.failedLoginsPerAddress").expect("a line");
    assert_eq!((usual.value.as_str(), usual.origin.as_str()), ("10", "default"));
    assert!(refused_broker(&limit(10_001)).contains("spec.advanced.clients.failedLoginsPerAddress"));
}

#[test]
fn no_failed_logins_per_address_are_no_limit() {
    let served = limited(&limit(0));
    assert_eq!(looked_at(&served, HERE, 60).0, 60);
    assert_eq!(served.enter(&login("ann")).1, 0);
    assert_eq!(served.metric("causeway_authentication_refused_total", "limited"), Some(0.0));
}

/// Raised while somebody is shut out, and lowered again.
#[test]
fn failed_logins_per_address_change_live() {
    let served = limited(&limit(3));
    let (count, _) = looked_at(&served, HERE, 60);
    assert!(count < 60, "nobody is limited");
    served.change(&limit(0));
    let other = [127, 0, 0, 2].into();
    assert_eq!(looked_at(&served, other, 60).0, 60);
    served.change(&limit(3));
    assert!(looked_at(&served, [127, 0, 0, 3].into(), 60).0 < 60, "nobody is limited");
}
