//! Starts that must fail: one clear sentence, and a non-zero exit.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use causeway_tests::broker::Failure;
use causeway_tests::{Broker, Connect, Publish, Settings, Version};

/// The failure of a start that must fail; `words` must be in what it says.
fn refused(settings: Settings, words: &[&str]) -> Failure {
    let failure = match Broker::try_start(settings) {
        Err(failure) => failure,
        Ok(_) => panic!("the broker started, but {words:?} was to be said"),
    };
    assert!(!failure.status.success(), "ended with {}", failure.status);
    assert!(failure.status.code().is_some(), "killed by a signal: {}", failure.status);
    let last = failure.output.lines().last().unwrap_or_default().to_lowercase();
    for word in words {
        assert!(last.contains(&word.to_lowercase()), "\"{word}\" is not in the last line: {}", failure.output);
    }
    assert!(!failure.output.contains("panicked"), "{}", failure.output);
    assert!(!failure.output.contains("stack backtrace"), "{}", failure.output);
    failure
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    refused(Settings::new().mqtt(&address), &[&address]);
}

#[test]
fn an_address_that_is_not_ours() {
    refused(Settings::new().mqtt("192.0.2.1:1883"), &["192.0.2.1:1883"]);
}

/// A directory below a file cannot be made, not even by root.
#[test]
fn a_data_directory_that_cannot_be_made() {
    let file = std::env::temp_dir().join(format!("causeway-file-{}", std::process::id()));
    std::fs::write(&file, "a file").expect("a file");
    refused(Settings::new().data_dir(file.join("data")), &[&file.display().to_string()]);
    refused(Settings::new().data_dir(&file), &[&file.display().to_string()]);
    let _ = std::fs::remove_file(file);
}

/// Not writable for whoever runs the broker; root writes everywhere, so this one is run as nobody.
#[test]
fn a_data_directory_that_is_not_writable() {
    // SAFETY: no arguments, no memory.
    let root = unsafe { libc::geteuid() } == 0;
    let directory = std::env::temp_dir().join(format!("causeway-readonly-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o555)).expect("its mode");
    let settings = Settings::new().data_dir(&directory);
    let settings = if root { settings.as_nobody() } else { settings };
    refused(settings, &[&directory.display().to_string()]);
    let _ = std::fs::remove_dir_all(directory);
}

#[test]
fn an_unknown_option() {
    match Broker::try_start(Settings::new().set("--no-such-option", 1)) {
        Err(failure) => {
            assert!(!failure.status.success());
            assert!(failure.output.contains("--no-such-option"), "{}", failure.output);
        }
        Ok(_) => panic!("an unknown option was accepted"),
    }
}

#[test]
fn values_out_of_range() {
    for (name, value) in [
        ("--workers", "0"),
        ("--partitions", "0"),
        ("--partitions", "many"),
        ("--receive-maximum", "0"),
        ("--max-packet-size", "0"),
        ("--queue-strategy", "drop-newest"),
        ("--memory-profile", "huge"),
        ("--durability", "none"),
    ] {
        match Broker::try_start(Settings::new().set(name, value)) {
            Err(failure) => {
                assert!(!failure.status.success());
                assert!(failure.output.contains(name), "{name} {value}: {}", failure.output);
            }
            Ok(_) => panic!("{name} {value} was accepted"),
        }
    }
}

/// Replication alone is no durability where there is nobody to replicate to.
#[test]
fn durability_in_memory_alone() {
    match Broker::try_start(Settings::new().set("--durability", "memory")) {
        Err(failure) => assert!(!failure.status.success() && failure.output.contains("memory"), "{}", failure.output),
        Ok(_) => panic!("durability memory was accepted in one process"),
    }
}

#[test]
fn two_processes_on_one_data_directory() {
    let broker = Broker::start(Settings::new());
    let directory = broker.data_dir().to_path_buf();
    let connect = Connect::persistent(Version::V5, "first");
    let mut client = broker.connect(&connect);
    client.subscribe("still", 1);
    let before = std::fs::read(directory.join("listeners.json")).expect("the first one's addresses");
    let second = Broker::try_start_beside(Settings::new().data_dir(&directory));
    let failure = second.err().expect("the second process was to refuse");
    assert!(!failure.status.success());
    let last = failure.output.lines().last().unwrap_or_default();
    assert!(last.contains(&directory.display().to_string()), "{}", failure.output);
    // The first one did not notice.
    assert_eq!(std::fs::read(directory.join("listeners.json")).expect("the first one's addresses"), before);
    client.publish(Publish::new("still", "here").qos(1));
    assert_eq!(client.take().text(), "here");
}

/// The lock does not outlive its holder.
#[test]
fn a_data_directory_of_a_killed_process_is_free() {
    let mut broker = Broker::start(Settings::new());
    for _ in 0..3 {
        broker.kill();
        broker.restart();
    }
}
