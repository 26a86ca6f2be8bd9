//! The CONNECT packet and its will.

use crate::property::{Props, id};
use crate::wire::{frame, put_bin, put_str, put_u16};
use crate::{Publish, Version, fresh};

#[derive(Clone, Debug)]
pub struct Will {
    pub message: Publish,
}

impl Will {
    pub fn new(topic: &str, payload: impl AsRef<[u8]>) -> Self {
        Will { message: Publish::new(topic, payload) }
    }

    pub fn qos(mut self, qos: u8) -> Self {
        self.message.qos = qos;
        self
    }

    pub fn retained(mut self) -> Self {
        self.message.retain = true;
        self
    }

    /// Will properties (MQTT 5 only).
    pub fn props(mut self, props: Props) -> Self {
        self.message.props = props;
        self
    }
}

/// A CONNECT under construction: clean, keep alive 0, no will.
#[derive(Clone, Debug)]
pub struct Connect {
    pub version: Version,
    pub client_id: String,
    pub clean: bool,
    pub keep_alive: u16,
    pub props: Props,
    pub will: Option<Will>,
    pub user: Option<String>,
    pub password: Option<Vec<u8>>,
}

impl Connect {
    pub fn new(version: Version, client_id: &str) -> Self {
        let client_id = client_id.to_string();
        let props = Props::new();
        Connect { version, client_id, clean: true, keep_alive: 0, props, will: None, user: None, password: None }
    }

    /// A client nobody has seen before.
    pub fn fresh(version: Version) -> Self {
        Connect::new(version, &fresh("client"))
    }

    /// A session that outlives its connection: clean session 0, or session expiry of an hour.
    pub fn persistent(version: Version, client_id: &str) -> Self {
        let connect = Connect::new(version, client_id).clean(false);
        if version.is_v5() { connect.session_expiry(3600) } else { connect }
    }

    pub fn clean(mut self, clean: bool) -> Self {
        self.clean = clean;
        self
    }

    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    pub fn will(mut self, will: Will) -> Self {
        self.will = Some(will);
        self
    }

    /// Seconds; MQTT 5 only.
    pub fn session_expiry(mut self, seconds: u32) -> Self {
        self.props = self.props.u32(id::SESSION_EXPIRY, seconds);
        self
    }

    pub fn receive_maximum(mut self, count: u16) -> Self {
        self.props = self.props.u16(id::RECEIVE_MAXIMUM, count);
        self
    }

    pub fn props(mut self, props: Props) -> Self {
        self.props.0.extend(props.0);
        self
    }

    pub fn user(mut self, name: &str) -> Self {
        self.user = Some(name.into());
        self
    }

    pub fn password(mut self, password: &[u8]) -> Self {
        self.password = Some(password.into());
        self
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_str(&mut body, self.version.protocol_name());
        body.push(self.version.level());
        body.push(self.flags());
        put_u16(&mut body, self.keep_alive);
        if self.version.is_v5() {
            self.props.put(&mut body);
        }
        put_str(&mut body, &self.client_id);
        if let Some(Will { message }) = &self.will {
            if self.version.is_v5() {
                message.props.put(&mut body);
            }
            put_str(&mut body, &message.topic);
            put_bin(&mut body, &message.payload);
        }
        if let Some(user) = &self.user {
            put_str(&mut body, user);
        }
        if let Some(password) = &self.password {
            put_bin(&mut body, password);
        }
        frame(0x10, &body)
    }

    fn flags(&self) -> u8 {
        let mut flags = u8::from(self.clean) << 1;
        if let Some(Will { message }) = &self.will {
            flags |= 0x04 | message.qos << 3 | u8::from(message.retain) << 5;
        }
        flags | u8::from(self.password.is_some()) << 6 | u8::from(self.user.is_some()) << 7
    }
}
