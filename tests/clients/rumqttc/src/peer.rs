// One client of either version: included by both modules, which name the types.

pub struct Peer {
    client: AsyncClient,
    events: EventLoop,
    /// Topic, payload, QoS, retain.
    inbox: Vec<(String, Vec<u8>, u8, bool)>,
    pub session_present: bool,
}

fn qos(level: u8) -> QoS {
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(level)]
}

impl Peer {
    pub async fn open(place: &Place, id: Option<&str>, clean: bool, will: Option<&str>) -> Peer {
        let id = id.map(String::from).unwrap_or_else(|| unique("rumqttc"));
        let mut options = MqttOptions::new(id, place.host(), place.port);
        options.set_transport(place.transport());
        options.set_keep_alive(Duration::from_secs(30));
        set_session(&mut options, clean);
        if let Some(topic) = will {
            options.set_last_will(last_will(topic));
        }
        let (client, events) = AsyncClient::new(options, 200);
        let mut peer = Peer { client, events, inbox: Vec::new(), session_present: false };
        peer.until("CONNACK", |packet| matches!(packet, Packet::ConnAck(_))).await;
        peer
    }

    /// Drives the connection until a packet is the one looked for.
    async fn until(&mut self, what: &str, found: impl Fn(&Packet) -> bool) {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.poll()).await;
            let event = event.unwrap_or_else(|_| panic!("no {what}")).expect("a living connection");
            let Event::Incoming(packet) = event else { continue };
            if let Packet::ConnAck(answer) = &packet {
                self.session_present = answer.session_present;
            }
            if let Packet::Publish(m) = &packet {
                let topic = text(&m.topic);
                self.inbox.push((topic, m.payload.to_vec(), m.qos as u8, m.retain));
            }
            if found(&packet) {
                return;
            }
        }
    }

    pub async fn subscribe(mut self, topic: &str, level: u8) -> Peer {
        self.client.subscribe(topic, qos(level)).await.expect("a request");
        self.until("SUBACK", |packet| matches!(packet, Packet::SubAck(_))).await;
        self
    }

    pub async fn publish(&mut self, topic: &str, payload: &str, level: u8, retain: bool) {
        let payload = payload.as_bytes().to_vec();
        self.client.publish(topic, qos(level), retain, payload).await.expect("a request");
        match level {
            // A QoS 0 message is out when the next exchange is done.
            0 => self.client.unsubscribe("nothing").await.expect("a request"),
            _ => {}
        }
        self.until("acknowledgement", |packet| match packet {
            Packet::UnsubAck(_) => level == 0,
            Packet::PubAck(_) => level == 1,
            Packet::PubComp(_) => level == 2,
            _ => false,
        })
        .await;
    }

    pub async fn take(&mut self) -> (String, Vec<u8>, u8, bool) {
        while self.inbox.is_empty() {
            self.until("message", |packet| matches!(packet, Packet::Publish(_))).await;
        }
        self.inbox.remove(0)
    }

    /// Reads for a short while, for a member of a group that may get nothing.
    pub async fn glance(&mut self) -> Vec<(String, Vec<u8>, u8, bool)> {
        let quiet = Duration::from_millis(50);
        while let Ok(event) = tokio::time::timeout(quiet, self.events.poll()).await {
            if let Event::Incoming(Packet::Publish(m)) = event.expect("a living connection") {
                let topic = text(&m.topic);
                self.inbox.push((topic, m.payload.to_vec(), m.qos as u8, m.retain));
            }
        }
        std::mem::take(&mut self.inbox)
    }

    pub async fn close(mut self) {
        self.client.disconnect().await.expect("a request");
        while let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, self.events.poll()).await {}
    }
}
