//! The reference page of metrics is what the catalogue says.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use crate::admin::catalogue::{ABSENT, cluster, dataflow, model, own, probe};
use crate::admin::exposition::Metric;

const INTRODUCTION: &str = "\
# Metrics

<!-- Written by `CAUSEWAY_BLESS=1 cargo test -p node reference`; a test fails when this page is not what the code says. -->

`GET /metrics` of the [admin endpoint](admin-api.md) answers in the Prometheus exposition format 0.0.4. Counters begin at 0
with the process, except where a meaning says otherwise.

| label | value |
|---|---|
| `ns` | `metadata.namespace` of the Broker resource, `azure-iot-operations` without one |
| `host` | the machine's name |
| `category` | the user property `metriccategory` of a client's CONNECT, `uncategorized` without one; at most 1000 besides |
| `backend_chain` | the partition, from 0 |
| `frontend` | the worker that a self-check went through, from 0 |
| `listener` | the listener as in the configuration: `default/18883` |
| `role`, `peer` | the process at the other end of links: `frontend` or `backend`, and its name |
| `partition` | the partition, from 0 |
| `source_service_type`, `target_service_type` | what kind of server a dataflow reads from or publishes to: `Local AIO MQTT Broker`, `Event Grid`, `Unknown Mqtt Broker` |
| `dataflow` | the Dataflow |
| `endpoint` | the DataflowEndpoint |
| `instance` | the instance of a dataflow, from 0 |
| `side` | `source` or `destination` |
| `success` | `true`: only what was acknowledged is measured |
| `error_code` | a reason code of [dataflows](admin-api.md#dataflows), or `PayloadError`: no destination topic came out of the template |

A process that is a bridge and nothing else has no broker: the metrics of the broker are not there, nor are those of the self-check.
In a cluster, frontends tell of clients and backends of partitions: those of the other part are 0 or not there.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let names = "These have the names, labels and meanings that the Azure IoT Operations MQTT broker gives them.";
    section(&mut page, "Clients, messages, store", names, model::MODEL);
    let probe = "The broker as its own client; only while `diagnostics.selfCheck.mode` is `Enabled`, and after the first round.";
    section(&mut page, "Self-check", probe, probe::PROBE);
    section(&mut page, "Causeway's own", "What the model has no name for.", own::OWN);
    let words = "Of a frontend or a backend of a cluster; a process that is alone has none of them.";
    section(&mut page, "Between processes", words, cluster::CLUSTER);
    let names = "These have the names and meanings that Azure IoT Operations gives them, and labels `dataflow` and `endpoint` besides.";
    section(&mut page, "Dataflows", names, dataflow::DATAFLOW_MODEL);
    section(&mut page, "Dataflows, Causeway's own", "What the model has no name for.", dataflow::DATAFLOW_OWN);
    section(&mut page, "The process", "The names that every Prometheus client library uses.", own::PROCESS);
    page.push_str("\n## Names that there are not\n\nOf the names of the Azure IoT Operations MQTT broker and dataflows.\n\n| names | why |\n|---|---|\n");
    for absent in ABSENT {
        let names: Vec<String> = absent.names.iter().map(|name| format!("`{name}`")).collect();
        // Writing to a String does not fail.
        let _ = writeln!(page, "| {} | {} |", names.join("<br>"), absent.why);
    }
    page
}

fn section(page: &mut String, title: &str, words: &str, metrics: &[&Metric]) {
    let _ = write!(page, "\n## {title}\n\n{words}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n");
    for Metric { name, kind, labels, help } in metrics {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {} | {} | {help} |", kind.name(), labels.join(", "));
    }
}

#[test]
fn the_page_is_what_the_catalogue_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    if env::var_os("CAUSEWAY_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "{} is stale: run this test with CAUSEWAY_BLESS=1", path.display());
}
