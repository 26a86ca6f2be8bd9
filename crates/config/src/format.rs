//! How single texts are written: durations, sizes, names.

mod disk_size;
mod duration;
mod name;
mod quantity;

pub(crate) use disk_size::DiskSize;
pub(crate) use duration::{GoDuration, shown};
pub(crate) use name::DnsName;
pub(crate) use quantity::Quantity;

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
];

/// The format of this name; those that are not ours say nothing.
pub(crate) fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
