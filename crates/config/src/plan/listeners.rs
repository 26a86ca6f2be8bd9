//! Where the process listens, out of BrokerListeners and flags.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::address::{Asked, Claim, refuse_shared};
use super::certificate::Port;
use super::flag_listeners::FlagListeners;
use super::guard::{self, Guards};
use super::settling::word;
use crate::reading::{Reading, Spot};
use crate::resource::{ListenerSpec, PortSpec, Resource, Resources, ServiceType};
use crate::{Admin, EffectiveValue, Input, Listener, Origin, Tls};

pub(super) fn settle(
    input: &Input,
    resources: &Resources,
    (flags, namespace): (&FlagListeners<'_>, &str),
    (admin, guards): (Option<&Admin>, &Guards<'_>),
    reading: &mut Reading,
) -> Vec<Listener> {
    let mut doors = Doors {
        input,
        resources,
        namespace,
        bind: flags.bind,
        guards,
        reading,
        settled: Vec::new(),
        claims: Vec::new(),
        services: BTreeMap::new(),
        folders: BTreeMap::new(),
    };
    doors.note_bind();
    doors.add_flags(flags);
    doors.add_admin(admin);
    for listener in &resources.listeners {
        doors.add_service(listener);
        doors.add_ports(listener);
    }
    refuse_shared(&doors.claims, doors.reading);
    let settled = doors.settled;
    guards.notice_unused(resources, &settled, reading);
    settled
}

/// Listeners on their way to the plan, and what no two of them may share.
struct Doors<'a> {
    input: &'a Input,
    resources: &'a Resources,
    namespace: &'a str,
    bind: Option<IpAddr>,
    guards: &'a Guards<'a>,
    reading: &'a mut Reading,
    settled: Vec<Listener>,
    claims: Vec<Claim<'a>>,
    /// Names of Services, whose they are, and where they are given.
    services: BTreeMap<String, (String, Spot)>,
    /// Folders of certificates, and the listeners that have them.
    folders: BTreeMap<String, String>,
}

impl<'a> Doors<'a> {
    fn note_bind(&mut self) {
        let Some((bind, given)) = self.bind.zip(self.input.flags.bind.as_ref()) else { return };
        let (path, value) = (given.place.clone(), bind.to_string());
        self.reading.values.push(EffectiveValue { path, value, origin: Origin::Flag(given.place.clone()), note: None });
    }

    fn add_flags(&mut self, flags: &FlagListeners<'a>) {
        for door in &flags.doors {
            let (path, value) = (format!("--{}", door.name), door.address.to_string());
            self.reading.values.push(EffectiveValue { path, value, origin: door.origin(), note: None });
            self.claims.push(door.claim());
            let listener = door.listener();
            if let Some(Tls::Automatic(certificate)) = &listener.tls {
                self.folders.insert(certificate.folder.clone(), format!("--{}", door.name));
            }
            self.settled.push(listener);
        }
    }

    fn add_admin(&mut self, admin: Option<&Admin>) {
        const PATH: &str = "diagnostics.metrics.prometheusPort";
        let Some(admin) = admin else { return };
        let broker = self.resources.broker.as_ref();
        let written = broker.and_then(|broker| Some((broker.given(PATH)?, broker.shown(PATH))));
        let asked = match (&self.input.flags.admin, written) {
            (Some(given), _) => Asked::Flag(given),
            (None, Some((spot, text))) => Asked::File(spot, text),
            (None, None) => Asked::Nobody,
        };
        self.claims.push(Claim { name: "admin".to_owned(), address: admin.address, asked });
    }

    /// The Service's type and name; no two listeners share a name.
    fn add_service(&mut self, listener: &Resource<ListenerSpec>) {
        let name = service_name(listener);
        let kind = word(&listener.spec.service_type.unwrap_or_default());
        for (path, value) in [("serviceType", kind), ("serviceName", name.to_owned())] {
            let origin = listener.given(path).map_or(Origin::Default, |spot| spot.origin());
            let path = format!("BrokerListener/{} {path}", listener.name);
            self.reading.values.push(EffectiveValue { path, value, origin, note: None });
        }
        // A listener without a name of its own is refused as such.
        if name.is_empty() {
            return;
        }
        let spot = listener.place("serviceName");
        match self.services.get(name) {
            // Two listeners of one name are a problem of their own.
            Some((first, _)) if *first == listener.name => {}
            Some((first, at)) => {
                let expected =
                    format!("the Service of {first} ({}:{}) has this name; give another", at.file.path, at.line);
                self.reading.refuse_at(&spot, format!("\"{name}\""), expected);
            }
            None => {
                self.services.insert(name.to_owned(), (listener.name.clone(), spot));
            }
        }
    }

    fn add_ports(&mut self, listener: &Resource<ListenerSpec>) {
        let service = listener.spec.service_type.unwrap_or_default();
        let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
        for (n, spec) in listener.spec.ports.iter().flatten().enumerate() {
            let number = spec.port.unwrap_or_default();
            let times = seen.entry(number).and_modify(|times| *times += 1).or_insert(1);
            let label = if *times > 1 { format!("{number}-{times}") } else { number.to_string() };
            let port = Port {
                listener,
                path: format!("ports[{n}]"),
                folder: format!("{}-{label}", listener.name),
                service_name: service_name(listener),
                namespace: self.namespace,
                objects: &self.resources.objects,
            };
            if *times > 1 && spec.port.is_some_and(|port| port != 0) {
                let expected = "another entry of this listener has this port; give another";
                self.reading.refuse_at(&port.place("port"), number.to_string(), expected);
                continue;
            }
            self.refuse_stray_node_port(&port, spec, service);
            self.add_port(&port, spec, (service, format!("{}/{label}", listener.name)));
        }
    }

    fn add_port(&mut self, port: &Port<'_>, spec: &PortSpec, (service, name): (ServiceType, String)) {
        let (address, field) = self.address(service, spec).unzip();
        self.note_port(port, spec, address);
        guard::check(port, spec, self.guards, self.reading);
        let tls = spec.tls.as_ref().and_then(|tls| port.tls(tls, self.reading));
        // One without a port is refused as such.
        let (Some(address), Some(field)) = (address, field) else { return };
        if let Some(Tls::Automatic(certificate)) = &tls {
            let folder = &certificate.folder;
            if let Some(first) = self.folders.get(folder) {
                let spot = port.place("tls.certManagerCertificateSpec.secretName");
                let expected = format!("the certificate of {first} is kept there; give another secretName");
                self.reading.refuse_at(&spot, format!("\"{folder}\""), expected);
            }
            self.folders.insert(folder.clone(), name.clone());
        }
        let asked = Asked::File(port.place(field), address.port().to_string());
        self.claims.push(Claim { name: name.clone(), address, asked });
        let protocol = spec.protocol.unwrap_or_default();
        let (authentication, authorization) = (spec.authentication_ref.clone(), spec.authorization_ref.clone());
        self.settled.push(Listener { name, address, protocol, tls, authentication, authorization });
    }

    /// What a port is bound to, and the field that says so. In a pod the Service stands in front of it, whatever its
    /// type.
    fn address(&self, service: ServiceType, spec: &PortSpec) -> Option<(SocketAddr, &'static str)> {
        let everywhere = self.input.in_pod || service != ServiceType::ClusterIp;
        let host = IpAddr::V4(if everywhere { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST });
        let (port, field) = match (service, spec.node_port) {
            (ServiceType::NodePort, Some(port)) if !self.input.in_pod => (port, "nodePort"),
            _ => (spec.port?, "port"),
        };
        Some((SocketAddr::new(self.bind.unwrap_or(host), port), field))
    }

    fn note_port(&mut self, port: &Port<'_>, spec: &PortSpec, address: Option<SocketAddr>) {
        if let Some(number) = spec.port {
            port.note("port", number.to_string(), self.reading);
            if let (Some(address), Some(value)) = (address, self.reading.values.last_mut()) {
                value.note = Some(format!("bound at {address}"));
            }
        }
        if let Some(number) = spec.node_port {
            port.note("nodePort", number.to_string(), self.reading);
        }
        port.note("protocol", word(&spec.protocol.unwrap_or_default()), self.reading);
        if spec.tls.is_none() {
            port.note("tls", "none".to_owned(), self.reading);
        }
        for (path, name) in
            [("authenticationRef", &spec.authentication_ref), ("authorizationRef", &spec.authorization_ref)]
        {
            port.note(path, name.clone().unwrap_or_else(|| "none".to_owned()), self.reading);
        }
    }

    fn refuse_stray_node_port(&mut self, port: &Port<'_>, spec: &PortSpec, service: ServiceType) {
        // A service type that is wrong reads as the default one, and is known already.
        let known = port.listener.spec.service_type.is_some() || port.listener.given("serviceType").is_none();
        if let (Some(number), true, true) = (spec.node_port, known, service != ServiceType::NodePort) {
            let expected = "belongs to the service type NodePort; leave it out, or give that type";
            self.reading.refuse_at(&port.place("nodePort"), number.to_string(), expected);
        }
    }
}

fn service_name(listener: &Resource<ListenerSpec>) -> &str {
    listener.spec.service_name.as_deref().unwrap_or(&listener.name)
}
