//! Self-check, traces, `$SYS` and audit, out of flags and `diagnostics`.

use std::time::Duration;

use super::settling::Settling;
use crate::reading::Whole;
use crate::resource::Switch;
use crate::{Audit, SelfCheck, Traces};

const DEFAULT_SELF_CHECK_INTERVAL_SECONDS: u32 = 30;
const DEFAULT_SELF_CHECK_TIMEOUT_SECONDS: u32 = 15;
const DEFAULT_TRACE_CACHE_MEGABYTES: u32 = 16;
const DEFAULT_SPAN_CHANNEL_CAPACITY: u32 = 1000;
const DEFAULT_SELF_TRACING_INTERVAL_SECONDS: u32 = 30;
const DEFAULT_SYS_INTERVAL_SECONDS: u64 = 10;
const MAX_SYS_INTERVAL_SECONDS: u64 = 86_400;
const MEGABYTE: u64 = 1 << 20;
const DEFAULT_AUDIT_BYTES: u64 = 10 << 20;
const DEFAULT_AUDIT_FILES: u32 = 5;

pub(super) fn self_check(settling: &mut Settling<'_>) -> Option<SelfCheck> {
    let spec = settling.spec.diagnostics.as_ref().and_then(|d| d.self_check.clone()).unwrap_or_default();
    let mode = settling.settle("diagnostics.selfCheck.mode", None, spec.mode);
    let interval = settling
        .settle("diagnostics.selfCheck.intervalSeconds", None, spec.interval_seconds)
        .unwrap_or(DEFAULT_SELF_CHECK_INTERVAL_SECONDS);
    let timeout_path = "diagnostics.selfCheck.timeoutSeconds";
    let timeout =
        settling.settle(timeout_path, None, spec.timeout_seconds).unwrap_or(DEFAULT_SELF_CHECK_TIMEOUT_SECONDS);
    if mode == Some(Switch::Disabled) {
        return None;
    }
    if let (true, Some(spot)) = (timeout > interval, settling.given(timeout_path)) {
        let sentence = format!("is longer than the interval of {interval} seconds: a check that hangs delays the next");
        settling.reading.notice(&spot.place(), timeout, sentence);
    }
    Some(SelfCheck { interval: seconds(interval), timeout: seconds(timeout) })
}

pub(super) fn traces(settling: &mut Settling<'_>) -> Option<Traces> {
    let spec = settling.spec.diagnostics.as_ref().and_then(|d| d.traces.clone()).unwrap_or_default();
    let own = spec.self_tracing.unwrap_or_default();
    let mode = settling.settle("diagnostics.traces.mode", None, spec.mode);
    let cache = settling.settle("diagnostics.traces.cacheSizeMegabytes", None, spec.cache_size_megabytes);
    let capacity = settling.settle("diagnostics.traces.spanChannelCapacity", None, spec.span_channel_capacity);
    let own_mode = settling.settle("diagnostics.traces.selfTracing.mode", None, own.mode);
    let interval = settling.settle("diagnostics.traces.selfTracing.intervalSeconds", None, own.interval_seconds);
    if mode == Some(Switch::Disabled) {
        return None;
    }
    let self_tracing = match own_mode {
        Some(Switch::Disabled) => None,
        _ => Some(seconds(interval.unwrap_or(DEFAULT_SELF_TRACING_INTERVAL_SECONDS))),
    };
    Some(Traces {
        cache_bytes: u64::from(cache.unwrap_or(DEFAULT_TRACE_CACHE_MEGABYTES)) * MEGABYTE,
        channel_capacity: capacity.unwrap_or(DEFAULT_SPAN_CHANNEL_CAPACITY),
        self_tracing,
    })
}

pub(super) fn sys_interval(settling: &mut Settling<'_>) -> Option<Duration> {
    let allowed = Whole { range: 0..=MAX_SYS_INTERVAL_SECONDS, unit: "seconds (0 for never)" };
    let flag = settling.flag_whole(settling.flags.sys_interval.as_ref(), &allowed);
    let file = settling.spec.diagnostics.as_ref().and_then(|d| d.sys_topics.as_ref()).and_then(|s| s.interval_seconds);
    let seconds = settling.settle("diagnostics.sysTopics.intervalSeconds", flag, file.map(u64::from));
    let seconds = seconds.unwrap_or(DEFAULT_SYS_INTERVAL_SECONDS);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

pub(super) fn audit(settling: &mut Settling<'_>) -> Option<Audit> {
    let spec = settling.spec.diagnostics.as_ref().and_then(|d| d.audit.clone()).unwrap_or_default();
    let mode = settling.settle("diagnostics.audit.mode", None, spec.mode);
    let size = spec.max_size.map(|size| size.bytes());
    let size = settling.settle_shown("diagnostics.audit.maxSize", None, size, |bytes| format!("{bytes} bytes"));
    let files = settling.settle("diagnostics.audit.maxFiles", None, spec.max_files);
    (mode != Some(Switch::Disabled))
        .then(|| Audit { max_bytes: size.unwrap_or(DEFAULT_AUDIT_BYTES), files: files.unwrap_or(DEFAULT_AUDIT_FILES) })
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}
