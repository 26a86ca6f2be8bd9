//! The line that says how it goes, on stderr.

use std::io::{IsTerminal, Write};

use super::clock;
use super::counts::{Count, Counts};
use super::number;
use super::settings::{Load, Settings};
use super::shared::{Live, Shared};
use super::span;

/// How often a line is written where it cannot be rewritten.
const LINE_NS: u64 = 5_000_000_000;

/// How often rates are looked at anew.
const RATE_NS: u64 = 1_000_000_000;

/// Writes progress, or does not.
pub(super) struct Progress {
    style: Style,
    started: u64,
    written_at: u64,
    /// Counts at the last two looks, to have rates from.
    before: (u64, Counts),
    latest: (u64, Counts),
    scene: Scene,
    is_dirty: bool,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Silent,
    /// One line, rewritten.
    Terminal,
    /// A line every few seconds.
    Lines,
}

/// What there is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Connections,
    Publishing,
    Receiving,
    Both,
}

impl Progress {
    /// Nothing is shown when `quiet`.
    pub(super) fn new(settings: &Settings, quiet: bool) -> Self {
        let style = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Style::Silent,
            (false, true) => Style::Terminal,
            (false, false) => Style::Lines,
        };
        let scene = match &settings.load {
            Load::Connect(_) => Scene::Connections,
            Load::Traffic(load) if load.subscribers == 0 => Scene::Publishing,
            Load::Traffic(load) if load.publishers == 0 => Scene::Receiving,
            Load::Traffic(_) => Scene::Both,
        };
        let now = clock::now();
        let none = (now, Counts::default());
        Self { style, started: now, written_at: now, before: none, latest: none, scene, is_dirty: false }
    }

    pub(super) fn show(&mut self, shared: &Shared) {
        if self.style == Style::Silent {
            return;
        }
        let now = clock::now();
        if self.style == Style::Lines && now < self.written_at + LINE_NS {
            return;
        }
        let Some(live) = shared.all_live() else { return };
        let is_lines = self.style == Style::Lines;
        if is_lines || live.at >= self.latest.0 + RATE_NS {
            self.before = self.latest;
            self.latest = (live.at, live.counts);
        }
        self.written_at = now;
        let line = self.line(&live, now);
        // Nobody reads it any more when it cannot be written.
        let mut stderr = std::io::stderr().lock();
        let _ = match self.style {
            Style::Terminal => write!(stderr, "\r{line}\x1b[K"),
            Style::Lines | Style::Silent => writeln!(stderr, "{line}"),
        };
        let _ = stderr.flush();
        self.is_dirty = self.style == Style::Terminal;
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_dirty) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn line(&self, live: &Live, now: u64) -> String {
        let seconds = (now - self.started) / 1_000_000_000;
        let since = self.latest.1.since(&self.before.1);
        let elapsed = clock::seconds(self.latest.0.saturating_sub(self.before.0)).max(1e-9);
        let rate = |count: Count| number::rate(since[count] as f64 / elapsed);
        let mut parts = vec![format!("{seconds:>4} s  {}", live.doing.text())];
        if self.scene == Scene::Connections {
            parts.push(format!("open {}", number::whole(live.connected)));
            parts.push(format!("connected {}/s", rate(Count::Opened)));
        }
        if matches!(self.scene, Scene::Publishing | Scene::Both) {
            parts.push(format!("sent {}/s", rate(Count::Sent)));
        }
        if matches!(self.scene, Scene::Receiving | Scene::Both) {
            parts.push(format!("received {}/s", rate(Count::Received)));
        }
        if let (Some(p50), Some(p99)) = (live.latency.quantile(0.5), live.latency.quantile(0.99)) {
            parts.push(format!("p50 {}  p99 {}", span::show(p50), span::show(p99)));
        }
        parts.push(format!("errors {}", number::whole(live.faults)));
        parts.join("  ")
    }
}
