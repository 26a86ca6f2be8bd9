//! How single texts are written: durations, sizes, names.

mod address;
mod disk_size;
mod duration;
mod file_size;
mod name;
mod not_empty;
mod quantity;
mod server_address;

pub(crate) use disk_size::DiskSize;
pub use duration::duration;
pub(crate) use duration::{GoDuration, shown};
pub(crate) use file_size::FileSize;
pub(crate) use name::{DnsName, is_cluster, is_member};
pub(crate) use not_empty::NotEmpty;
pub(crate) use quantity::Quantity;
pub(crate) use server_address::ServerAddress;

/// A way to write a text, called by the `format` of a schema.
pub(crate) struct Format {
    name: &'static str,
    /// What would be right, as a phrase.
    pub(crate) expected: &'static str,
    /// Whether a text is written so.
    pub(crate) holds: fn(&str) -> bool,
}

const FORMATS: &[Format] = &[
    Format {
        name: "go-duration",
        expected: "give hours, minutes and seconds, such as 240h, 45m or 1h30m; at most 876000h",
        holds: |text| GoDuration::parse(text).is_some(),
    },
    Format {
        name: "disk-size",
        expected: "give digits and one of K, M, G, T, P, E, such as 500M; not 0, at most 18E",
        holds: |text| DiskSize::parse(text).is_some(),
    },
    Format {
        name: "file-size",
        expected: "give digits and one of Ki, Mi, Gi, k, M, G, such as 10Mi; 64Ki to 1Gi",
        holds: |text| FileSize::parse(text).is_some(),
    },
    Format {
        name: "quantity",
        expected: "give a Kubernetes quantity, such as 10Gi or 500M",
        holds: |text| Quantity::parse(text).is_some(),
    },
    Format {
        name: "ip",
        expected: "give an IP address, such as 192.168.0.10 or fd00::10",
        holds: |text| text.parse::<std::net::IpAddr>().is_ok(),
    },
    Format {
        name: "resource-name",
        expected: "give 3 to 63 lower-case letters, digits and -, with a letter or digit at both ends",
        holds: name::is_resource,
    },
    Format {
        name: "object-name",
        expected: "give at most 253 lower-case letters, digits, - and ., with a letter or digit at both ends of each part",
        holds: name::is_object,
    },
    Format {
        name: "namespace",
        expected: "give at most 63 lower-case letters, digits and -, with a letter or digit at both ends",
        holds: name::is_namespace,
    },
    Format {
        name: "service-name",
        expected: "give at most 63 lower-case letters, digits and -, with a letter first and a letter or digit last",
        holds: name::is_service,
    },
    Format {
        name: "dns-name",
        expected: "give a DNS name, such as broker.example.com or *.example.com",
        holds: name::is_dns,
    },
    Format {
        name: "https-address",
        expected: "give an address such as https://auth.example.com:8443, of https and without user and password",
        holds: address::is_https,
    },
    Format {
        name: "key-address",
        expected: "give an address such as https://login.example.com/keys, of https (on this machine http, too) and without \
                   user and password",
        holds: address::is_of_keys,
    },
    Format {
        name: "server-address",
        expected: "give HOST:PORT, such as broker.example:8883 or [fd00::7]:8883, without mqtt:// and the like; a path may follow",
        holds: |text| ServerAddress::parse(text).is_some(),
    },
    Format {
        name: "client-id-prefix",
        expected: "give 1 to 200 characters without line breaks and the like",
        holds: |text| (1..=200).contains(&text.chars().count()) && !text.contains(char::is_control),
    },
    Format { name: "label", expected: "give at most 64 characters", holds: |text| text.chars().count() <= 64 },
    Format {
        name: "absolute-path",
        expected: "give a path that begins with /",
        holds: |text| text.starts_with('/') && !text.contains(char::is_control),
    },
    Format {
        name: "tenant",
        expected: "give the tenant's ID or its domain: letters, digits, - and .",
        holds: |text| {
            let inside = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
            inside && !text.is_empty() && !text.contains("..") && !text.starts_with('.')
        },
    },
    Format {
        name: "topic",
        expected: "give a topic without + and #, such as dataflow/deadletter/plant; at most 65535 bytes and 200 levels",
        holds: |text| mqtt::check_topic_name(text).is_ok(),
    },
    Format { name: "not-empty", expected: "give text that is not empty", holds: |text| !text.is_empty() },
];

/// Whether a text is an address that a server may be asked for its keys at.
pub(crate) fn is_key_address(text: &str) -> bool {
    address::is_of_keys(text)
}

/// The format of this name; those that are not ours say nothing.
pub(crate) fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
