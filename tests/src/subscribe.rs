//! SUBSCRIBE and UNSUBSCRIBE packets.

use crate::Version;
use crate::property::{Props, id};
use crate::wire::{frame, put_str, put_u16};

/// One topic filter with its options.
#[derive(Clone, Debug)]
pub struct Filter {
    pub filter: String,
    pub options: u8,
}

impl Filter {
    pub fn new(filter: &str, qos: u8) -> Self {
        Filter { filter: filter.into(), options: qos }
    }

    pub fn no_local(mut self) -> Self {
        self.options |= 0x04;
        self
    }

    pub fn retain_as_published(mut self) -> Self {
        self.options |= 0x08;
        self
    }

    /// 0 send retained messages, 1 only for a new subscription, 2 never.
    pub fn retain_handling(mut self, handling: u8) -> Self {
        self.options |= handling << 4;
        self
    }
}

#[derive(Clone, Debug, Default)]
pub struct Subscribe {
    pub filters: Vec<Filter>,
    pub props: Props,
}

impl Subscribe {
    pub fn new(filter: Filter) -> Self {
        Subscribe { filters: vec![filter], props: Props::new() }
    }

    pub fn and(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    pub fn subscription_id(mut self, number: u32) -> Self {
        self.props = self.props.var(id::SUBSCRIPTION_ID, number);
        self
    }

    pub fn props(mut self, props: Props) -> Self {
        self.props = props;
        self
    }

    pub fn encode(&self, version: Version, packet_id: u16) -> Vec<u8> {
        let mut body = Vec::new();
        put_u16(&mut body, packet_id);
        if version.is_v5() {
            self.props.put(&mut body);
        }
        for Filter { filter, options } in &self.filters {
            put_str(&mut body, filter);
            body.push(*options);
        }
        frame(0x82, &body)
    }
}

pub fn unsubscribe(version: Version, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    put_u16(&mut body, packet_id);
    if version.is_v5() {
        Props::new().put(&mut body);
    }
    for filter in filters {
        put_str(&mut body, filter);
    }
    frame(0xa2, &body)
}
