//! Fields that are known and not there yet are refused by name; what the product itself writes is passed over.

use causeway_tests::{Broker, Resources, Settings};

use super::served::{Served, refused_broker};

/// A broker does not start with it either, and says the same.
fn is_refused(told: &str, field: &str, write: impl FnOnce(&Resources)) {
    let line = told.lines().find(|line| line.contains(field)).unwrap_or_else(|| panic!("{field}: {told}"));
    assert!(line.contains("not there yet") && line.contains("leave it out"), "{line}");
    let resources = Resources::new();
    write(&resources);
    let Err(failure) = Broker::try_start(Settings::new().resources(&resources)) else { panic!("{field} is taken") };
    assert_eq!(failure.status.code(), Some(2), "{}", failure.output);
    assert!(failure.output.contains(field), "{}", failure.output);
}

#[test]
pub fn persistence() {
    for spec in ["persistence:\n  maxSize: 1G\n", "persistence: {}\n"] {
        is_refused(&refused_broker(spec), "spec.persistence", |resources| resources.broker(spec));
    }
}

#[test]
pub fn high_priority() {
    for value in ["Accept", "Reject"] {
        let spec = format!("highPriorityMessagesBackpressureHandling: {value}\n");
        let field = "spec.highPriorityMessagesBackpressureHandling";
        is_refused(&refused_broker(&spec), field, |resources| resources.broker(&spec));
    }
}

/// What `kubectl get -o yaml` prints besides is no setting: nothing of it is in effect, and nothing refused.
#[test]
pub fn written_by_the_product() {
    let written =
        "provisioningState: Succeeded\nhealthState: Available\nstatus:\n  healthState:\n    status: Available\n";
    let resources = Resources::new();
    resources.broker(&format!("memoryProfile: Tiny\n{written}"));
    resources.listener("plant", &format!("ports:\n- port: 0\n{written}"));
    let served = Served::from(resources, Settings::new().mqtt("off"));
    served.client("plant/0").quiet();
    assert_eq!(served.in_effect("Broker memoryProfile").as_deref(), Some("Tiny"));
    let all = served.api("configuration").to_string();
    for field in ["provisioningState", "healthState", "status"] {
        assert!(!all.contains(field), "{field}: {all}");
    }
}
