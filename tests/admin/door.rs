//! A port with a lock: passwords let in, rules say what may be done.

use causeway_tests::stream::tcp;
use causeway_tests::users::user;
use causeway_tests::{Broker, Client, Connect, Resources, Version};

/// ann may connect, publish below her client id, and read what is public.
const RULES: &str = "rules:\n- principals: {usernames: [ann]}\n  brokerResources:\n  - {method: Connect}\n  \
                     - {method: Publish, topics: [\"{principal.clientId}/#\"]}\n  \
                     - {method: Subscribe, topics: [\"public/+\"]}\n";

pub const PASSWORD: &str = "correct horse";

/// BrokerListener `door` with BrokerAuthentication `guard`, whose methods these are, and what it refers to besides.
pub fn hang(resources: &Resources, methods: &[&str], besides: &str) {
    resources.authentication("guard", methods);
    resources.listener("door", &format!("ports:\n- port: 0\n  authenticationRef: guard\n{besides}"));
}

/// A method that knows ann.
pub fn passwords(resources: &Resources) -> String {
    resources.secret("users", &[("users", user("ann", PASSWORD, &[("site", "north")]).as_bytes())]);
    "method: UserPassword\nuserPasswordSettings:\n  passwordSecretRef: users\n".to_string()
}

/// A door for ann, behind which rules hold.
pub fn ruled(resources: &Resources) {
    resources.authorization("rules", RULES);
    hang(resources, &[&passwords(resources)], "  authorizationRef: rules\n");
}

/// Comes to the door with that name.
pub fn login(client_id: &str, name: &str, password: &str) -> Connect {
    Connect::new(Version::V5, client_id).user(name).password(password.as_bytes())
}

/// A connection to the door on which nothing has been said.
pub fn raw(broker: &Broker) -> Client {
    let address = broker.listener("door/0").expect("a listener called door/0");
    Client::over(Box::new(tcp(address)), Version::V5)
}

/// What is answered at the door.
pub fn knock(broker: &Broker, connect: &Connect) -> (Client, u8) {
    let mut client = raw(broker);
    let code = client.connect(connect).code;
    (client, code)
}

/// ann, as that client.
pub fn ann(broker: &Broker, client_id: &str) -> Client {
    let (client, code) = knock(broker, &login(client_id, "ann", PASSWORD));
    assert_eq!(code, 0, "ann is refused");
    client
}
