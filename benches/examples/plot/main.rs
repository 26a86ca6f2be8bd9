//! Draws what `benches/scaling` found: a chart for each axis, as SVG.
//!
//! ```text
//! cargo run --release -p causeway-benches --example plot -- RAW.json FOLDER
//! ```
//!
//! Each point is the median over the rounds. Runs that failed are left out, and told.

mod axis;
mod chart;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use chart::{Chart, Line};

/// Name in the file, title, and what is along the chart.
const CHARTS: [(&str, &str, &str); 4] = [
    ("connections", "A message beside connections that do nothing", "connections"),
    ("subscriptions", "A message beside subscriptions to other topics", "subscriptions"),
    ("payload", "A message by its size", "bytes of payload"),
    ("persistent", "A message by how many subscribers have sessions that stay", "percent of subscribers"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [raw, folder] = &arguments[..] else {
        eprintln!("usage: plot RAW.json FOLDER");
        return ExitCode::from(2);
    };
    match draw(Path::new(raw), Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(raw: &Path, folder: &Path) -> std::io::Result<()> {
    let raw: Value = serde_json::from_slice(&std::fs::read(raw)?)?;
    std::fs::create_dir_all(folder)?;
    for (axis, title, along) in CHARTS {
        let lines = lines(&raw, axis);
        if lines.is_empty() {
            continue;
        }
        let path = folder.join(format!("{axis}.svg"));
        let chart = Chart { title, along, up: "µs of the broker's CPU for a message", lines };
        std::fs::write(&path, chart.svg())?;
        println!("{}", path.display());
    }
    Ok(())
}

/// A line for each broker, in the order of their first points.
fn lines(raw: &Value, axis: &str) -> Vec<Line> {
    let mut lines: Vec<(String, BTreeMap<u64, Vec<f64>>)> = Vec::new();
    for point in raw["points"].as_array().into_iter().flatten().filter(|point| point["axis"] == axis) {
        let name = point["broker"].as_str().unwrap_or_default();
        let cost = point["report"]["parts"][0]["broker_cpu_us_per"].as_f64();
        let (Some(at), Some(cost)) = (point["value"].as_u64(), cost) else {
            eprintln!("{axis} {} {name}: left out: {}", point["value"], point["error"]);
            continue;
        };
        let line = match lines.iter().position(|(known, _)| known == name) {
            Some(line) => line,
            None => {
                lines.push((name.to_owned(), BTreeMap::new()));
                lines.len() - 1
            }
        };
        lines[line].1.entry(at).or_default().push(cost);
    }
    let line = |(name, costs): (String, BTreeMap<u64, Vec<f64>>)| {
        let points = costs.into_iter().map(|(at, costs)| (at as f64, median(costs))).collect();
        Line { name, points }
    };
    lines.into_iter().map(line).collect()
}

/// Of at least one number.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(broker: &str, value: u64, cost: f64) -> Value {
        let report = json!({"parts": [{"broker_cpu_us_per": cost}]});
        json!({"axis": "payload", "value": value, "broker": broker, "report": report})
    }

    #[test]
    fn rounds_become_medians_and_failures_nothing() {
        let failed = json!({"axis": "payload", "value": 64, "broker": "b", "error": "gone"});
        let points = [point("b", 64, 3.0), point("a", 16, 9.0), point("b", 16, 1.0), point("b", 64, 5.0), failed];
        let lines = lines(&json!({"points": points}), "payload");
        assert_eq!(lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(lines[0].points, [(16.0, 1.0), (64.0, 4.0)]);
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!((median(vec![5.0, 1.0, 2.0]), median(vec![4.0, 1.0])), (2.0, 2.5));
    }
}
