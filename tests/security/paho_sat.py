"""A paho-mqtt client with enhanced authentication: HOST PORT METHOD TOKEN_FILE WRONG_TOKEN_FILE."""

import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = 20
HOST, PORT, METHOD, TOKEN, WRONG = sys.argv[1:6]


def start(token_file):
    """A client that has sent its CONNECT, with everything it is told in a queue."""
    events = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    client.on_connect = lambda c, u, flags, reason, props: events.put(("connect", reason, props))
    client.on_subscribe = lambda c, u, mid, reasons, props: events.put(("subscribe", reasons, props))
    client.on_publish = lambda c, u, mid, reason, props: events.put(("publish", reason, props))
    client.on_message = lambda c, u, message: events.put(("message", message.payload, None))
    properties = Properties(PacketTypes.CONNECT)
    properties.AuthenticationMethod = METHOD
    with open(token_file, "rb") as file:
        properties.AuthenticationData = file.read()
    client.connect(HOST, int(PORT), properties=properties)
    client.loop_start()
    return client, events


def expect(events, kind):
    found, what, props = events.get(timeout=PATIENCE)
    assert found == kind, (found, what)
    return what, props


client, events = start(TOKEN)
reason, props = expect(events, "connect")
assert not reason.is_failure, reason
assert props.AuthenticationMethod == METHOD, props
client.subscribe("pods/till-5d9c7f", 1)
reasons, _ = expect(events, "subscribe")
assert reasons[0].value == 1, reasons
client.publish("pods/till-5d9c7f", "from the pod", 1)
seen = {events.get(timeout=PATIENCE)[0:2][0] for _ in range(2)}
assert seen == {"publish", "message"}, seen
client.publish("pods/another", "not allowed", 1)
reason, _ = expect(events, "publish")
assert reason.value == 0x87, reason
client.subscribe("#", 1)
reasons, _ = expect(events, "subscribe")
assert reasons[0].value == 0x87, reasons
client.disconnect()
client.loop_stop()

client, events = start(WRONG)
reason, _ = expect(events, "connect")
assert reason.value == 0x87, reason
client.loop_stop()
