//! Who this process is in its cluster, and where the others are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::address::{Asked, Claim, refuse_shared, socket_address};
use super::backend_list;
use super::settling::Settling;
use crate::format::{is_cluster, is_member};
use crate::reading::Reading;
use crate::{
    Admin, BackendAddress, Cardinality, ClusterMember, ClusterPlan, ClusterRequest, ClusterRole, Encryption, Given,
    Origin,
};

const DEFAULT_NAME: &str = "default";
/// Numbers of processes that there may be; links carry them in 16 bits.
const MOST_ORDINAL: u16 = 9999;

/// The backends of the list, where this process is one of a cluster; `None` too if something is wrong with it.
pub(super) fn backends(settling: &mut Settling<'_>) -> Option<Vec<BackendAddress>> {
    let request = settling.flags.cluster.as_ref()?;
    backend_list::read(&request.backends, settling.reading)
}

/// What this process has to know of its cluster; `None` if it is alone, or if something is wrong, which is then a problem.
pub(super) fn settle(
    settling: &mut Settling<'_>,
    (backends, redundancy_factor): (Option<Vec<BackendAddress>>, u16),
    admin: Option<&Admin>,
) -> Option<ClusterPlan> {
    let request = settling.flags.cluster.as_ref()?;
    let name = cluster_name(request, settling.reading);
    let us = member(request, settling.reading);
    let (name, us, backends) = (name?, us?, backends?);
    let internal = match request.role {
        ClusterRole::Frontend => None,
        ClusterRole::Backend => {
            refuse_stranger(request, &us, &backends, settling.reading)?;
            let own = backends.get(usize::from(us.ordinal))?;
            Some(internal((request, own), admin, settling.reading)?)
        }
    };
    let plan = ClusterPlan {
        name,
        us,
        internal,
        backends,
        redundancy_factor,
        join_token_file: request.join_token_file.clone(),
    };
    note(settling, request, &plan);
    Some(plan)
}

/// Tells what of a cluster may not be what was meant.
pub(super) fn notice(cluster: &ClusterPlan, partitions: Cardinality, encryption: Encryption, reading: &mut Reading) {
    if cluster.us.role == ClusterRole::Backend && !cluster.hosts_any(cluster.us.ordinal, partitions) {
        let sentence = format!("holds none of the {} partitions; ask for more of them", partitions.get());
        reading.notice("--name", &cluster.us.name, sentence);
    }
    if encryption == Encryption::Disabled {
        let sentence =
            "whoever reaches an internal port reads messages and commands the backend; keep it in a network of its own";
        reading.notice("internal traffic", "is not encrypted (advanced.encryptInternalTraffic)", sentence);
    }
}

/// The number at the end of a process's name, behind a hyphen.
pub(super) fn ordinal(name: &str) -> Option<u16> {
    let (front, digits) = name.rsplit_once('-')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    let ordinal = digits.parse::<u16>().ok().filter(|ordinal| plain && *ordinal <= MOST_ORDINAL)?;
    (!front.is_empty()).then_some(ordinal)
}

fn cluster_name(request: &ClusterRequest, reading: &mut Reading) -> Option<String> {
    let Some(given) = &request.cluster else { return Some(DEFAULT_NAME.to_owned()) };
    if !is_cluster(&given.text) {
        reading.refuse(given, "give 1 to 63 small letters, digits and -, with a letter or digit at both ends");
        return None;
    }
    Some(given.text.clone())
}

fn member(request: &ClusterRequest, reading: &mut Reading) -> Option<ClusterMember> {
    let (role, given) = (request.role, &request.name);
    let ordinal = ordinal(&given.text).filter(|_| is_member(&given.text));
    if ordinal.is_none() {
        let expected = format!(
            "give small letters, digits, - and ., with -0 to -{MOST_ORDINAL} at the end, as pods of a StatefulSet are called: {role}-0"
        );
        reading.refuse(given, expected);
    }
    Some(ClusterMember { role, name: given.text.clone(), ordinal: ordinal? })
}

fn refuse_stranger(
    request: &ClusterRequest,
    us: &ClusterMember,
    backends: &[BackendAddress],
    reading: &mut Reading,
) -> Option<()> {
    if backends.iter().any(|backend| backend.name == us.name) {
        return Some(());
    }
    let names = match backends {
        [only] => only.name.clone(),
        [first, .., last] => format!("{} to {}", first.name, last.name),
        [] => "none".to_owned(),
    };
    reading.refuse(&request.name, format!("--backends does not name it; it has {names}"));
    None
}

/// Where this backend accepts links: what was asked for, else the address by which the others know it, else its port on every
/// interface.
fn internal(
    (request, own): (&ClusterRequest, &BackendAddress),
    admin: Option<&Admin>,
    reading: &mut Reading,
) -> Option<SocketAddr> {
    let address = match &request.internal {
        Some(given) => match socket_address(&given.text) {
            Some(address) if address.port() != 0 => address,
            _ => {
                let port = own.port;
                reading.refuse(given, format!("give IP:PORT, such as 0.0.0.0:{port}; the others dial {own}"));
                return None;
            }
        },
        None => {
            let host = own.host.parse().unwrap_or(match own.host.as_str() {
                "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
                _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            });
            SocketAddr::new(host, own.port)
        }
    };
    let claim = |name: &str, address, asked| Claim { name: name.to_owned(), address, asked };
    let mut claims: Vec<_> = admin.map(|admin| claim("admin", admin.address, Asked::Nobody)).into_iter().collect();
    let asked: &Given = request.internal.as_ref().unwrap_or(&request.backends);
    claims.push(claim("internal", address, Asked::Flag(asked)));
    refuse_shared(&claims, reading);
    Some(address)
}

fn note(settling: &mut Settling<'_>, request: &ClusterRequest, plan: &ClusterPlan) {
    let origin = |given: Option<&Given>| given.map_or(Origin::Default, |given| Origin::Flag(given.place.clone()));
    let backends =
        plan.backends.iter().map(|backend| format!("{}={backend}", backend.name)).collect::<Vec<_>>().join(",");
    settling.note_value("--name".to_owned(), plan.us.name.clone(), origin(Some(&request.name)), None);
    settling.note_value("--cluster".to_owned(), plan.name.clone(), origin(request.cluster.as_ref()), None);
    settling.note_value("--backends".to_owned(), backends, origin(Some(&request.backends)), None);
    if let Some(internal) = plan.internal {
        settling.note_value("--internal".to_owned(), internal.to_string(), origin(request.internal.as_ref()), None);
    }
}
