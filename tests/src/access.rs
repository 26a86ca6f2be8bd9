//! Resources that say who may come in and what they may do, with the ConfigMaps beside them.

use std::fs;

use crate::Resources;
use crate::resources::resource;

impl Resources {
    /// A BrokerAuthentication with these methods: each a list entry without its dash, as YAML.
    pub fn authentication(&self, name: &str, methods: &[&str]) {
        let entries: String = methods.iter().map(|method| entry(method)).collect();
        let spec = format!("authenticationMethods:\n{entries}");
        self.write(&format!("authentication-{name}.yaml"), &resource("BrokerAuthentication", name, &spec));
    }

    /// A BrokerAuthorization with what stands below `authorizationPolicies`.
    pub fn authorization(&self, name: &str, policies: &str) {
        let indented: String = policies.lines().map(|line| format!("  {line}\n")).collect();
        let spec = format!("authorizationPolicies:\n{indented}");
        self.write(&format!("authorization-{name}.yaml"), &resource("BrokerAuthorization", name, &spec));
    }

    /// A ConfigMap as a directory with one file a key; other keys stay.
    pub fn config_map(&self, name: &str, entries: &[(&str, &str)]) {
        let dir = self.path().join("configmaps").join(name);
        fs::create_dir_all(&dir).expect("a directory for a ConfigMap");
        for (key, value) in entries {
            let hidden = dir.join(format!(".{key}.new"));
            fs::write(&hidden, value).expect("a key of a ConfigMap");
            fs::rename(&hidden, dir.join(key)).expect("a key of a ConfigMap in its place");
        }
    }
}

fn entry(method: &str) -> String {
    let lines = method.lines().enumerate();
    lines.map(|(number, line)| format!("{}{line}\n", if number == 0 { "- " } else { "  " })).collect()
}
