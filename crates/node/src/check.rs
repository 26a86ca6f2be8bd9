//! `causeway check`: whether resource files are good, without starting anything.

use std::fmt::Write;
use std::time::SystemTime;

use config::{Host, Request};

use crate::arguments::Check;
use crate::dataflows::Share;
use crate::reading::{Reading, Refused};
use crate::sources::Sources;
use crate::{access, certificates, dataflows, host};

/// Checks the files. Returns what is to be said of good ones.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn run(asked: Check) -> Result<String, Refused> {
    let sources = Sources { resources: asked.paths, broker_config: asked.broker_config_file };
    let reading = Reading { flags: Request::default(), sources };
    let host = Host { cores: host::cores(), remembered: None };
    let files = reading.sources.count();
    let plan = reading.plan(&host).1?;
    // Whoever asks for a check expects something to be checked.
    let mut problems = reading.sources.without_files();
    problems.extend(certificates::problems(&plan, SystemTime::now()));
    problems.extend(access::problems(&plan));
    problems.extend(dataflows::problems(&plan, &Share::All));
    if !problems.is_empty() {
        return Err(Refused(problems));
    }
    let mut text = String::new();
    for notice in &plan.notices {
        // Writing to a string does not fail.
        let _ = writeln!(text, "note: {notice}");
    }
    let _ = match files {
        1 => writeln!(text, "1 file, no problems"),
        count => writeln!(text, "{count} files, no problems"),
    };
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::run;
    use crate::arguments::Check;

    fn check(path: &Path) -> Result<String, String> {
        run(Check { paths: vec![path.to_owned()], broker_config_file: None }).map_err(|refused| refused.to_string())
    }

    fn listener(name: &str, port: &str) -> String {
        format!(
            "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\nmetadata:\n  name: {name}\nspec:\n  ports:\n  - port: {port}\n"
        )
    }

    #[test]
    fn good_files_are_counted_and_others_are_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), listener("one", "1883")).unwrap();
        fs::write(dir.path().join("b.yaml"), listener("two", "1884")).unwrap();
        assert!(check(dir.path()).unwrap().ends_with("2 files, no problems\n"));
        fs::write(dir.path().join("b.yaml"), listener("two", "many")).unwrap();
        fs::write(dir.path().join("c.yaml"), listener("three", "70000")).unwrap();
        let told = check(dir.path()).unwrap_err();
        assert!(told.contains("b.yaml:7") && told.contains("c.yaml:7"), "{told}");
    }

    #[test]
    fn a_folder_with_nothing_to_check_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "").unwrap();
        let inner = dir.path().join("plant");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.yaml"), listener("one", "1883")).unwrap();
        let told = check(dir.path()).unwrap_err();
        let expected = format!("folder {}: it holds no *.yaml, *.yml or *.json, ", dir.path().display());
        assert!(told.starts_with(&expected) && told.lines().count() == 1, "{told}");
        assert_eq!(check(&inner).unwrap(), "1 file, no problems\n");
        // Also beside one that has something.
        let paths = vec![inner, dir.path().to_owned()];
        let told = run(Check { paths, broker_config_file: None }).unwrap_err().to_string();
        assert!(told.starts_with(&expected), "{told}");
    }

    #[test]
    fn a_secret_that_is_no_certificate_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let tls = "    tls:\n      mode: Manual\n      manual:\n        secretRef: server\n";
        fs::write(dir.path().join("a.yaml"), listener("one", "8883") + tls).unwrap();
        let secret = dir.path().join("secrets/server");
        fs::create_dir_all(&secret).unwrap();
        let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        fs::write(secret.join("tls.crt"), pem("CERTIFICATE")).unwrap();
        fs::write(secret.join("tls.key"), pem("PRIVATE KEY")).unwrap();
        let told = check(dir.path()).unwrap_err();
        assert!(told.starts_with("listener one/8883 secret server: "), "{told}");
    }

    #[test]
    fn a_method_and_a_rule_that_cannot_be_are_told_with_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let resource = |kind: &str, spec: &str| {
            format!(
                "---\napiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: {kind}\nmetadata: {{name: plant}}\nspec: {spec}\n"
            )
        };
        let rule = "{principals: {usernames: [ann]}, brokerResources: [{method: Publish, topics: [a/#/b]}]}";
        let all = listener("one", "8883")
            + "    authenticationRef: plant\n    authorizationRef: plant\n    tls:\n      mode: Automatic\n"
            + &resource("BrokerAuthentication", "{authenticationMethods: [{method: X509}]}")
            + &resource("BrokerAuthorization", &format!("{{authorizationPolicies: {{rules: [{rule}]}}}}"));
        fs::write(dir.path().join("a.yaml"), all).unwrap();
        let bundle = dir.path().join("configmaps/client-ca");
        fs::create_dir_all(&bundle).unwrap();
        fs::write(bundle.join("ca.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let told = check(dir.path()).unwrap_err();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].contains(
            "a.yaml:16 spec.authenticationMethods[0].x509Settings.trustedClientCaCert X509 of listener one/8883: "
        ));
        assert!(lines[0].contains("certificate 1 of configmaps/client-ca/ca.crt cannot be read"), "{told}");
        assert!(
            lines[1].contains("spec.authorizationPolicies.rules[0].brokerResources[0].topics[0] a/#/b: "),
            "{told}"
        );
    }
}
