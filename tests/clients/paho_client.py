"""One scenario of a paho-mqtt client: VERSION TRANSPORT HOST PORT CA SCENARIO."""

import queue
import socket
import sys
import uuid

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE = 20
VERSION, TRANSPORT, HOST, PORT, CA, SCENARIO = sys.argv[1:7]
V5 = VERSION == "5"


class Peer:
    """A client with everything it was told in queues."""

    def __init__(self, client_id=None, clean=True, will=None):
        self.inbox, self.events = queue.Queue(), queue.Queue()
        client_id = client_id or f"paho-{uuid.uuid4()}"
        options = {} if V5 else {"clean_session": clean}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5 if V5 else mqtt.MQTTv311,
            transport="websockets" if TRANSPORT == "ws" else "tcp",
            **options,
        )
        if TRANSPORT == "ws":
            self.client.ws_set_options(path="/mqtt")
        if TRANSPORT == "tls":
            self.client.tls_set(CA)
        if will:
            self.client.will_set(*will)
        self.client.on_connect = lambda c, u, flags, reason, props: self.events.put(("connect", flags, reason))
        self.client.on_message = lambda c, u, message: self.inbox.put(message)
        self.client.on_subscribe = lambda c, u, mid, reasons, props: self.events.put(("subscribe", mid, reasons))
        extra = {}
        if V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if clean else 600
            extra = {"clean_start": clean, "properties": properties}
        self.client.connect(HOST, int(PORT), keepalive=30, **extra)
        self.client.loop_start()
        _, flags, reason = self.events.get(timeout=PATIENCE)
        assert not reason.is_failure, reason
        self.session_present = flags.session_present

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, options=SubscribeOptions(qos=qos)) if V5 else self.client.subscribe(topic, qos)
        _, _, reasons = self.events.get(timeout=PATIENCE)
        assert reasons[0].value == qos, reasons
        return self

    def publish(self, topic, payload, qos, retain=False):
        self.client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE)

    def take(self):
        return self.inbox.get(timeout=PATIENCE)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Ends the connection as a power cut would."""
        self.client.loop_stop()
        sock = self.client.socket()
        sock.shutdown(socket.SHUT_RDWR) if TRANSPORT == "tcp" else sock.close()


def exchange(qos):
    topic = f"paho/{uuid.uuid4()}"
    reader, writer = Peer().subscribe(topic, qos), Peer()
    for n in range(50):
        writer.publish(topic, f"{n}" * 50, qos)
    for n in range(50):
        message = reader.take()
        assert (message.payload, message.qos) == (f"{n}".encode() * 50, qos), message
    assert reader.inbox.empty()
    writer.close(), reader.close()


def retained():
    topic = f"paho/{uuid.uuid4()}"
    writer = Peer()
    for qos in range(3):
        writer.publish(topic, f"kept {qos}", qos, retain=True)
        reader = Peer().subscribe(topic, 2)
        message = reader.take()
        assert (message.payload, message.retain, message.qos) == (f"kept {qos}".encode(), True, qos)
        reader.close()
    writer.publish(topic, b"", 1, retain=True)
    reader = Peer().subscribe(topic, 2)
    writer.publish(topic, "live", 1)
    assert reader.take().payload == b"live", "the retained message is still there"
    reader.close(), writer.close()


def will():
    topic = f"paho/{uuid.uuid4()}"
    reader = Peer().subscribe(topic, 1)
    Peer(will=(topic, "gone", 1, False)).vanish()
    assert reader.take().payload == b"gone"
    reader.close()


def resume():
    topic, name = f"paho/{uuid.uuid4()}", f"paho-{uuid.uuid4()}"
    first = Peer(name, clean=False).subscribe(topic, 2)
    assert not first.session_present
    first.close()
    writer = Peer()
    for n in range(20):
        writer.publish(topic, str(n), 1 + n % 2)
    second = Peer(name, clean=False)
    assert second.session_present
    numbers = [int(second.take().payload) for _ in range(20)]
    # QoS 2 reaches the application at PUBREL: each QoS is in order for itself.
    assert [n for n in numbers if n % 2 == 0] == list(range(0, 20, 2)), numbers
    assert [n for n in numbers if n % 2 == 1] == list(range(1, 20, 2)), numbers
    second.close(), writer.close()


def shared():
    topic = f"paho/{uuid.uuid4()}"
    members = [Peer().subscribe(f"$share/paho/{topic}", 1) for _ in range(3)]
    writer = Peer()
    for n in range(30):
        writer.publish(topic, str(n), 1)
    seen = []
    while len(seen) < 30:
        for member in members:
            try:
                seen.append(int(member.inbox.get(timeout=0.05).payload))
            except queue.Empty:
                pass
    assert sorted(seen) == list(range(30)), seen
    for peer in members + [writer]:
        peer.close()


SCENARIOS = {"retained": retained, "will": will, "resume": resume, "shared": shared}
if SCENARIO.startswith("qos"):
    exchange(int(SCENARIO[3]))
else:
    SCENARIOS[SCENARIO]()
print("ok")
