// What a client does, the same for both versions: included by both modules.

pub async fn run(place: &Place, scenario: &str) {
    match scenario {
        "qos0" => exchange(place, 0).await,
        "qos1" => exchange(place, 1).await,
        "qos2" => exchange(place, 2).await,
        "retained" => retained(place).await,
        "will" => will(place).await,
        "resume" => resume(place).await,
        "shared" => shared(place).await,
        other => panic!("no scenario {other}"),
    }
}

async fn open(place: &Place) -> Peer {
    Peer::open(place, None, true, None).await
}

async fn exchange(place: &Place, level: u8) {
    let topic = unique("rumqttc/exchange");
    let mut reader = open(place).await.subscribe(&topic, level).await;
    let mut writer = open(place).await;
    for n in 0..20 {
        writer.publish(&topic, &n.to_string().repeat(50), level, false).await;
        let wanted = (topic.clone(), n.to_string().repeat(50).into_bytes(), level, false);
        assert_eq!(reader.take().await, wanted);
    }
    writer.close().await;
    reader.close().await;
}

async fn retained(place: &Place) {
    let topic = unique("rumqttc/retained");
    let mut writer = open(place).await;
    for level in 0..3 {
        writer.publish(&topic, &format!("kept {level}"), level, true).await;
        let mut reader = open(place).await.subscribe(&topic, 2).await;
        assert_eq!(reader.take().await, (topic.clone(), format!("kept {level}").into_bytes(), level, true));
        reader.close().await;
    }
    writer.publish(&topic, "", 1, true).await;
    let mut reader = open(place).await.subscribe(&topic, 2).await;
    writer.publish(&topic, "live", 1, false).await;
    assert_eq!(reader.take().await.1, b"live");
    reader.close().await;
    writer.close().await;
}

async fn will(place: &Place) {
    let topic = unique("rumqttc/will");
    let mut reader = open(place).await.subscribe(&topic, 1).await;
    drop(Peer::open(place, None, true, Some(&topic)).await);
    assert_eq!(reader.take().await, (topic.clone(), b"gone".to_vec(), 1, false));
    reader.close().await;
}

async fn resume(place: &Place) {
    let (topic, id) = (unique("rumqttc/resume"), unique("resume"));
    let first = Peer::open(place, Some(&id), false, None).await.subscribe(&topic, 2).await;
    assert!(!first.session_present);
    first.close().await;
    let mut writer = open(place).await;
    for n in 0..20u8 {
        writer.publish(&topic, &n.to_string(), 1 + n % 2, false).await;
    }
    let mut second = Peer::open(place, Some(&id), false, None).await;
    assert!(second.session_present);
    for n in 0..20 {
        assert_eq!(second.take().await.1, n.to_string().into_bytes());
    }
    second.close().await;
    writer.close().await;
}

async fn shared(place: &Place) {
    let topic = unique("rumqttc/shared");
    let filter = format!("$share/rumqttc/{topic}");
    let mut members = [open(place).await.subscribe(&filter, 1).await, open(place).await.subscribe(&filter, 1).await];
    let mut writer = open(place).await;
    for n in 0..20 {
        writer.publish(&topic, &n.to_string(), 1, false).await;
    }
    let mut seen = BTreeSet::new();
    let mut count = 0;
    let end = tokio::time::Instant::now() + PATIENCE;
    while count < 20 {
        assert!(tokio::time::Instant::now() < end, "{count} of 20 messages");
        for member in &mut members {
            for message in member.glance().await {
                count += 1;
                seen.insert(message.1);
            }
        }
    }
    assert_eq!(seen.len(), 20);
}
