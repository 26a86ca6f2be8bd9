//! The oracle: compares what producers and consumers wrote down.

use std::collections::BTreeSet;

use super::consumer::Consumer;
use super::producer::{Producer, Sent};

fn matches(filter: &str, topic: &str) -> bool {
    match filter.strip_suffix('#').or_else(|| filter.strip_suffix('+')) {
        Some(prefix) => topic.starts_with(prefix),
        None => filter == topic,
    }
}

/// The numbers of one topic in the order a consumer got them.
fn numbers(consumer: &Consumer, sent: &Sent, qos: u8, wrong: &mut Vec<String>) -> Vec<u64> {
    let Some(received) = consumer.received.get(&sent.topic) else { return Vec::new() };
    let mut numbers = Vec::new();
    for (text, got_qos) in received {
        let number: Option<u64> = text.split(':').next().and_then(|n| n.parse().ok());
        match number {
            Some(n) if n < sent.count => numbers.push(n),
            _ => wrong.push(format!("{}: invented on {}: {text}", consumer.name, sent.topic)),
        }
        if *got_qos != qos {
            wrong.push(format!("{}: QoS {got_qos} on {}", consumer.name, sent.topic));
        }
    }
    numbers
}

/// Acknowledged messages that a consumer does not have yet.
pub fn missing(producers: &[Producer], consumer: &Consumer) -> usize {
    let mut missing = 0;
    for sent in producers.iter().flat_map(|p| &p.topics).filter(|s| matches(&consumer.filter, &s.topic)) {
        let got: BTreeSet<u64> = numbers(consumer, sent, 0, &mut Vec::new()).into_iter().collect();
        missing += sent.acknowledged.difference(&got).count();
    }
    missing
}

/// Nothing acknowledged is lost, nothing invented, QoS 2 exactly once, order per publisher, topic and QoS.
pub fn check(producers: &[Producer], consumers: &[Consumer]) -> Vec<String> {
    let mut wrong = Vec::new();
    for producer in producers {
        wrong.extend(producer.errors.iter().map(|e| format!("{}: {e}", producer.topics[0].topic)));
    }
    for consumer in consumers {
        wrong.extend(consumer.errors.iter().map(|e| format!("{}: {e}", consumer.name)));
        let known: BTreeSet<&String> = producers.iter().flat_map(|p| &p.topics).map(|s| &s.topic).collect();
        for topic in consumer.received.keys().filter(|t| !known.contains(t) || !matches(&consumer.filter, t)) {
            wrong.push(format!("{}: messages on {topic}", consumer.name));
        }
        for producer in producers {
            for sent in producer.topics.iter().filter(|s| matches(&consumer.filter, &s.topic)) {
                check_topic(consumer, sent, producer.qos.min(consumer.qos), &mut wrong);
            }
        }
    }
    wrong
}

fn check_topic(consumer: &Consumer, sent: &Sent, qos: u8, wrong: &mut Vec<String>) {
    let got = numbers(consumer, sent, qos, wrong);
    let mut seen = BTreeSet::new();
    let mut newest = None;
    for number in &got {
        if !seen.insert(*number) {
            if qos == 2 {
                wrong.push(format!("{}: {} of {} twice at QoS 2", consumer.name, number, sent.topic));
            }
            continue;
        }
        if newest.is_some_and(|n| n > *number) {
            wrong.push(format!("{}: {} of {} after {:?}", consumer.name, number, sent.topic, newest));
        }
        newest = newest.max(Some(*number));
    }
    let lost: Vec<&u64> = sent.acknowledged.difference(&seen).take(5).collect();
    if !lost.is_empty() {
        let count = sent.acknowledged.difference(&seen).count();
        wrong.push(format!("{}: {count} acknowledged of {} lost, first {lost:?}", consumer.name, sent.topic));
    }
}
