// One scenario of an MQTT.js client: VERSION TRANSPORT HOST PORT CA SCENARIO.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.env.CAUSEWAY_CLIENTS, 'node_modules', 'x'))
const mqtt = require('mqtt')

const [version, transport, host, port, ca, scenario] = process.argv.slice(2)
const v5 = version === '5'
const patience = 20_000

function within (promise, what) {
  const late = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`not within ${patience} ms: ${what}`)), patience).unref()
  })
  return Promise.race([promise, late])
}

class Peer {
  static async open (options = {}) {
    const peer = new Peer()
    peer.inbox = []
    peer.waiting = []
    const { clean = true, ...rest } = options
    peer.client = mqtt.connect({
      protocol: { tcp: 'mqtt', tls: 'mqtts', ws: 'ws' }[transport],
      host,
      port: Number(port),
      path: '/mqtt',
      ca: transport === 'tls' ? readFileSync(ca) : undefined,
      protocolVersion: Number(version),
      clientId: `mqttjs-${randomUUID()}`,
      clean,
      reconnectPeriod: 0,
      properties: v5 ? { sessionExpiryInterval: clean ? 0 : 600 } : undefined,
      ...rest
    })
    peer.client.on('message', (topic, payload, packet) => {
      const waiter = peer.waiting.shift()
      waiter ? waiter(packet) : peer.inbox.push(packet)
    })
    peer.connack = await within(new Promise((resolve, reject) => {
      peer.client.once('connect', resolve)
      peer.client.once('error', reject)
    }), 'CONNACK')
    return peer
  }

  async subscribe (topic, qos) {
    const granted = await within(this.client.subscribeAsync(topic, { qos }), 'SUBACK')
    assert.equal(granted[0].qos, qos)
    return this
  }

  publish (topic, payload, qos, retain = false) {
    return within(this.client.publishAsync(topic, payload, { qos, retain }), 'acknowledgement')
  }

  take () {
    if (this.inbox.length > 0) return this.inbox.shift()
    return within(new Promise(resolve => this.waiting.push(resolve)), 'message')
  }

  close () {
    return within(this.client.endAsync(), 'end')
  }

  vanish () {
    this.client.stream.destroy()
  }
}

async function exchange (qos) {
  const topic = `mqttjs/${randomUUID()}`
  const reader = await (await Peer.open()).subscribe(topic, qos)
  const writer = await Peer.open()
  for (let n = 0; n < 50; n++) await writer.publish(topic, `${n}`.repeat(50), qos)
  for (let n = 0; n < 50; n++) {
    const packet = await reader.take()
    assert.equal(packet.payload.toString(), `${n}`.repeat(50))
    assert.equal(packet.qos, qos)
  }
  assert.equal(reader.inbox.length, 0)
  await Promise.all([reader.close(), writer.close()])
}

const scenarios = {
  qos0: () => exchange(0),
  qos1: () => exchange(1),
  qos2: () => exchange(2),

  async retained () {
    const topic = `mqttjs/${randomUUID()}`
    const writer = await Peer.open()
    for (const qos of [0, 1, 2]) {
      await writer.publish(topic, `kept ${qos}`, qos, true)
      const reader = await (await Peer.open()).subscribe(topic, 2)
      const packet = await reader.take()
      assert.deepEqual([packet.payload.toString(), packet.retain, packet.qos], [`kept ${qos}`, true, qos])
      await reader.close()
    }
    await writer.publish(topic, '', 1, true)
    const reader = await (await Peer.open()).subscribe(topic, 2)
    await writer.publish(topic, 'live', 1)
    assert.equal((await reader.take()).payload.toString(), 'live')
    await Promise.all([reader.close(), writer.close()])
  },

  async will () {
    const topic = `mqttjs/${randomUUID()}`
    const reader = await (await Peer.open()).subscribe(topic, 1)
    const dying = await Peer.open({ will: { topic, payload: Buffer.from('gone'), qos: 1, retain: false } })
    dying.vanish()
    assert.equal((await reader.take()).payload.toString(), 'gone')
    await reader.close()
  },

  async resume () {
    const [topic, clientId] = [`mqttjs/${randomUUID()}`, `mqttjs-${randomUUID()}`]
    const first = await (await Peer.open({ clientId, clean: false })).subscribe(topic, 2)
    assert.equal(first.connack.sessionPresent, false)
    await first.close()
    const writer = await Peer.open()
    for (let n = 0; n < 20; n++) await writer.publish(topic, `${n}`, 1 + n % 2)
    const second = await Peer.open({ clientId, clean: false })
    assert.equal(second.connack.sessionPresent, true)
    const numbers = []
    for (let n = 0; n < 20; n++) numbers.push(Number((await second.take()).payload))
    // QoS 2 reaches the application at PUBREL: each QoS is in order for itself.
    for (const odd of [0, 1]) {
      assert.deepEqual(numbers.filter(n => n % 2 === odd), [...Array(10).keys()].map(n => 2 * n + odd))
    }
    await Promise.all([second.close(), writer.close()])
  },

  async shared () {
    const topic = `mqttjs/${randomUUID()}`
    const members = []
    const seen = []
    const all = new Promise(resolve => {
      members.push((packet) => { if (seen.push(Number(packet.payload)) === 30) resolve() })
    })
    const note = members.pop()
    for (let n = 0; n < 3; n++) {
      const member = await (await Peer.open()).subscribe(`$share/mqttjs/${topic}`, 1)
      member.client.removeAllListeners('message')
      member.client.on('message', (topic, payload, packet) => note(packet))
      members.push(member)
    }
    const writer = await Peer.open()
    for (let n = 0; n < 30; n++) await writer.publish(topic, `${n}`, 1)
    await within(all, 'thirty messages')
    assert.deepEqual(seen.sort((a, b) => a - b), [...Array(30).keys()])
    await Promise.all([...members, writer].map(peer => peer.close()))
  }
}

await scenarios[scenario]()
console.log('ok')
process.exit(0)
